# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the sessions of a P2S VPN gateway, by the names of their certificates.

Azure writes them into a blob that it is given a SAS URL for. Source of the call: azure-rest-api-specs,
GetP2sVpnConnectionHealthDetailed. Of the file: Microsoft Learn, "Monitor Virtual WAN P2S connections" (the query of
its workbook) and captured files. Nothing that Azure documents says what it is called for IKEv2.
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .._documents import MOST_VALUES, most_values, read_json_values
from .._x509.text import utc_text
from . import configurations, health, names
from .blob import Blob, too_many
from .client import Azure
from .configurations import Json
from .errors import AzureError

READ_SECONDS = 60.0  # that a file may take to become whole, after Azure has said that it is written
PAUSE = 2.0
AGAIN = 10.0  # seconds until it is looked again who has come back
CONNECTION = "P2SConnectionConfigurationResourceId"


@dataclass(frozen=True)
class Session:
    """One client that is connected. Times are UTC, without a fraction; what Azure left out is empty or 0."""

    gateway: str
    connection_id: str
    user_name: str  # the name of the certificate, where a certificate authenticates
    since: str
    seconds: int
    public_address: str
    private_address: str
    ingress_bytes: int
    egress_bytes: int
    connection_configuration: str


def of_gateway(azure: Azure, gateway: Json, blob: Blob, user_names: Sequence[str] = ()) -> list[Session]:
    """Who is connected to a gateway, by name; with `user_names`, who of those. The blob is emptied before."""
    where = names.parse(gateway.get("id"))
    what = f"list the connections of the P2S VPN gateway {where.name}"
    blob.clear()
    body: Json = {"outputBlobSasUrl": blob.url}
    if user_names:
        body["vpnUserNamesFilter"] = list(user_names)
    azure.run(
        what, "p2_svpn_gateways.begin_get_p2_s_vpn_connection_health_detailed", where.group, where.name, body=body
    )
    return sorted(_whole_file(azure, blob, gateway, what), key=lambda each: (each.user_name, each.connection_id))


def disconnect(azure: Azure, gateway_id: str, connection_ids: Iterable[str]) -> None:
    """End these connections of a gateway. Whose certificate is not refused comes back at once."""
    where = names.parse(gateway_id)
    azure.run(
        f"end connections of the P2S VPN gateway {where.name}",
        "p2_svpn_gateways.begin_disconnect_p2_s_vpn_connections",
        where.group,
        where.name,
        body={"vpnConnectionIds": sorted(connection_ids)},
    )


@dataclass(frozen=True)
class Cut:
    """What came of ending sessions.

    ended    those that were ended first
    users    the names by which it shows who comes back
    back     those that are there at the end: of these users, or one that Azure has not ended
    seconds  until nobody was there any more, for two looks at least where there was time; None when somebody is
    """

    ended: list[Session]
    users: list[str]
    back: list[Session]
    seconds: int | None


Found = list[tuple[Json, Session]]  # each with its gateway


def cut(
    azure: Azure,
    there: Found,
    is_meant: Callable[[Session], bool],
    is_name: Callable[[str], bool],
    *,
    find: Callable[[Sequence[str]], Found],
    limit: float,
) -> Cut:
    """End the sessions that are meant, and those with which the same users come back, for `limit` seconds.

    there    all sessions
    is_name  whether a name is of one user alone. Nothing else tells who has come back: an address that has become free
             is given to the next one.
    find     the sessions now, each with its gateway: of these users, or of all. A gateway takes a while until it
             refuses a certificate, and lets its owner in again until then.
    """
    meant = [(gateway, session) for gateway, session in there if is_meant(session)]
    if not meant:
        return Cut([], [], [], 0)
    ended, named = [session for _gateway, session in meant], {session.user_name for _gateway, session in meant}
    spared = {session.user_name for _gateway, session in there if not is_meant(session)}
    users = sorted(filter(is_name, named - spared - {""}))
    wait = azure.wait.anew("keep them away")
    began, now, gone = time.monotonic(), meant, None
    while True:
        problem = None
        for gateway_id in sorted({str(gateway["id"]) for gateway, _session in now}):
            ids = {session.connection_id for gateway, session in now if gateway["id"] == gateway_id}
            try:
                disconnect(azure, gateway_id, ids)
            except AzureError as error:  # none, where a session has ended by itself meanwhile
                problem = error
        ids = {session.connection_id for _gateway, session in now}
        asked = users if named <= {*users} else ()
        back = [(g, each) for g, each in find(asked) if each.user_name in users or each.connection_id in ids]
        if problem and any(each.connection_id in ids for _gateway, each in back):
            raise problem
        passed = time.monotonic() - began
        stays_away, gone = gone is not None and not back, None if back else passed if gone is None else gone
        if stays_away or passed + AGAIN > limit:
            return Cut(ended, users, [each for _gateway, each in back], None if gone is None else round(gone))
        wait.pause(AGAIN)
        now = back


def _whole_file(azure: Azure, blob: Blob, gateway: Json, what: str) -> list[Session]:
    """The sessions in the blob, as soon as it is whole: Azure may still be writing.

    Nobody has documented what it writes where nobody is connected. So one that stays empty is asked about once more.
    """
    wait = azure.wait.anew(f"{what} (the file is not whole yet)")
    waited = 0.0
    while True:
        content = b""
        try:
            content = blob.read()
            return parse(content, names.parse(gateway.get("id")).name)
        except ValueError as error:
            if waited >= READ_SECONDS and not content and health.read(azure, gateway)["connections"] == 0:
                return []
            if waited >= READ_SECONDS:
                raise AzureError(
                    f"The file in which Azure was to {what} is not what it should be: {error}. Run again.",
                    "BrokenAnswer",
                ) from None
        wait.pause(PAUSE)
        waited += PAUSE


def parse(content: bytes, gateway: str) -> list[Session]:
    """The sessions in a file; ValueError when it is empty, cut off, or something else, AzureError for too many.

    It holds an object for each connection configuration, in one list or one after another.
    """
    if most_values(content) > MOST_VALUES:
        raise too_many()
    entries = read_json_values(content.decode("utf-8-sig"))
    if not entries:
        raise ValueError("it is empty")
    found = []
    for entry in _flat(entries):
        if not isinstance(entry, dict):
            raise ValueError("it holds something else than connections")
        configuration = names.last(entry.get(CONNECTION))
        for user in _objects(entry, "UserNameVpnConnectionHealths"):
            name = _text(user, "UserName")
            found += [
                _session(connection, gateway, configuration, name)
                for connection in _objects(user, "VpnConnectionHealths")
            ]
    return found


def _flat(entries: Iterable[Any]) -> Iterable[Any]:
    for entry in entries:
        yield from entry if isinstance(entry, list) else [entry]


def _objects(entry: Json, name: str) -> list[Json]:
    found = entry.get(name) or []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise ValueError(f"{name} is no list of objects")
    return found


def _session(connection: Json, gateway: str, configuration: str, name: str) -> Session:
    return Session(
        gateway=gateway,
        connection_id=_text(connection, "VpnConnectionId"),
        user_name=_text(connection, "UserName") or name,
        since=_time(_text(connection, "VpnConnectionTime")),
        seconds=_number(connection, "VpnConnectionDuration"),
        public_address=_without_port(_text(connection, "PublicIpAddress")),
        private_address=_text(connection, "PrivateIpAddress"),
        ingress_bytes=_number(connection, "IngressBytesTransferred"),
        egress_bytes=_number(connection, "EgressBytesTransferred"),
        connection_configuration=configuration,
    )


def _text(entry: Json, name: str) -> str:
    value = entry.get(name)
    return "" if value is None else str(value)


def _number(entry: Json, name: str) -> int:
    """A number, also one in quotes or with a fraction; 0 for a missing one."""
    found = re.fullmatch(r"([0-9]{1,18})(\.[0-9]*)?", _text(entry, name))
    return int(found[1]) if found else 0


def _time(text: str) -> str:
    """Azure's times have no zone: they are UTC. What is no time is passed on as it stands."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return utc_text(moment.replace(microsecond=0, tzinfo=moment.tzinfo or UTC))


def _without_port(text: str) -> str:
    """203.0.113.7:54192, [2001:db8::1]:54192 or an address alone."""
    found = re.fullmatch(r"\[?([0-9A-Fa-f:.]+?)\]?(:[0-9]{1,5})?", text)
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return found[1] if found else text


def place_of(session: Session, gateway: Json) -> dict[str, Any]:
    """The address pools and the user groups of the connection configuration that a session belongs to."""
    for item in configurations.items(gateway, "p2SConnectionConfigurations"):
        if isinstance(item, dict) and str(item.get("name")).lower() == session.connection_configuration.lower():
            properties = configurations.properties(item)
            pool = properties.get("vpnClientAddressPool")
            prefixes = pool.get("addressPrefixes") if isinstance(pool, dict) else None
            groups = properties.get("configurationPolicyGroupAssociations")
            return {
                "address_pools": [str(each) for each in prefixes] if isinstance(prefixes, list) else [],
                "user_groups": sorted(
                    names.last(each.get("id")) for each in groups or [] if isinstance(each, dict) and each.get("id")
                ),
            }
    return {"address_pools": [], "user_groups": []}
