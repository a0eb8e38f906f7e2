# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: whom people mean, and which Macs that concerns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from .._errors import UserVpnError, shown
from .._x509.text import is_thumbprint
from .run import Run
from .settings import DEFAULTS, HostVars, client_of, own, per_mac

NAMED = 5
_PLAIN = re.compile(r"[\w.-]+")
OF_A_CERTIFICATE = ("certificate_domain", "certificate_san_type", "scep")


def named(what: Any, hostvars: HostVars) -> dict[str, list[str]]:
    """What somebody wrote, as a list or with commas between, told apart: `clients` and `thumbprints`, each once.

    The name of a host stands for its client. What is neither is taken for the name of a client: whoever knows all
    clients refuses it, and knows which ones come near.
    """
    items: Iterable[Any] = what.split(",") if isinstance(what, str) else what if isinstance(what, list) else [what]
    texts = [str(item).strip() for item in items if item is not None]
    thumbprints = [text for text in texts if is_thumbprint(text)]
    names = [text for text in texts if text and text not in thumbprints]
    clients = [client_of(name, hostvars[name]) if name in hostvars else name for name in names]
    return {"clients": list(dict.fromkeys(clients)), "thumbprints": list(dict.fromkeys(thumbprints))}


def require_somebody(wanted: Any, found: Sequence[str], groups: Iterable[str]) -> None:
    """UserVpnError where no host matches what a playbook is to act on, and it is no empty group either."""
    if not found and str(wanted) not in groups:
        raise UserVpnError(
            f"No host of the inventory matches {shown(str(wanted))}, so nothing was done: put the Macs into a "
            "group user_vpn, or name their group with -e user_vpn_hosts=GROUP; without -i, ansible.cfg names the "
            "inventory."
        )


def require_pattern(hosts: Any) -> None:
    """UserVpnError for what the keyword `hosts` does not take."""
    if not all(isinstance(each, str) for each in (hosts if isinstance(hosts, list) else [hosts])):
        raise UserVpnError(
            f"user_vpn_hosts is {shown(repr(hosts))}: set it to the name of a group or a host, or a list."
        )


def pattern(host: str) -> str:
    """What matches this host alone, as the hosts of a play: itself, where no mark in it means more to Ansible."""
    if _PLAIN.fullmatch(host):
        return host
    return "~" + "".join(mark if mark.isalnum() else f"\\U{ord(mark):08x}" for mark in host) + r"\Z"


def clients(
    hosts: Iterable[str], hostvars: HostVars, first: str = "", seen: Mapping[str, Any] = MappingProxyType({})
) -> list[dict[str, Any]]:
    """The client of each host as client_certificates takes it, with the serial number of its Mac where the inventory
    tells it. Of a Mac that gets its certificate by SCEP, all is told that was found on it in this run.

    seen  the settings certificate_domain, certificate_san_type and scep as the task found them for the host `first`;
          see `per_mac`; without them, what the inventory says counts
    """
    found = []
    for host, settings in per_mac(hosts, hostvars, first, seen).items():
        told = hostvars[host]
        client: dict[str, Any] = {"name": client_of(host, told)}
        domain, san_type, scep = (settings.get(name, own(told, name)) for name in OF_A_CERTIFICATE)
        if scep and not isinstance(scep, Mapping):
            continue  # as its profile says
        if scep:
            in_inventory = str(told.get("user_vpn_serial_number") or "")
            found.append(client | _enrolled(Run(hostvars, [host]), host, scep.get("subject") or "", in_inventory))
            continue
        if domain:
            client["common_name"] = f"{client['name']}@{domain}"
        if san_type != DEFAULTS["certificate_san_type"]:
            client["san_type"] = str(san_type)
        serial_number = told.get("user_vpn_serial_number")
        found.append(client | ({"serial_number": str(serial_number)} if serial_number else {}))
    return found


def enrolments(
    hosts: Iterable[str], hostvars: HostVars, first: str = "", seen: Mapping[str, Any] = MappingProxyType({})
) -> list[dict[str, Any]]:
    """Those of `clients` of whom a certificate by SCEP was found."""
    return [client for client in clients(hosts, hostvars, first, seen) if client.get("enrolled")]


def _enrolled(run: Run, host: str, subject: Any, serial_number: str) -> dict[str, Any]:
    """What the Mac itself and its MDM have told of the identities on it."""
    mac = run.of(host, "configure_client_result")
    in_mdm = (run.of_fleet("certificates_in_mdm") or {}).get("macs", {}).get(host, {})
    listed = [*mac.get("identity_certificates", ()), *in_mdm.get("certificates", ())]
    return {
        "enrolled": listed,
        "subject": subject,
        "serial_number": serial_number or str(mac.get("serial_number") or ""),
    }


def due(hosts: Iterable[str], hostvars: HostVars, ledger: Mapping[str, Any], batch: int) -> list[str]:
    """The hosts that need something: whose identity ends soon, the most urgent first and at most `batch` of them
    unless that is 0, and then all that have not got the profile that waits for them.

    ledger  what ledger_info returned
    """
    hosts_by_client = {client_of(host, hostvars[host]): host for host in hosts}
    told = sorted(
        ((name, client) for name, client in ledger.get("clients", {}).items() if name in hosts_by_client),
        key=lambda item: int(item[1]["days_left"]),
    )
    ours = [
        (name, client) for name, client in told if client.get("origin") != "enrolled"
    ]  # the others get theirs elsewhere
    ending = [name for name, client in ours if client["status"] in ("expired", "expiring", "old_root")]
    waiting = [name for name, client in told if client["status"] in ("behind", "never_delivered", "removed_from_mac")]
    return [hosts_by_client[name] for name in [*(ending[:batch] if batch > 0 else ending), *waiting]]


def holders(
    asked: Mapping[str, Any], hostvars: HostVars, ledger: Mapping[str, Any], done: Mapping[str, Any]
) -> list[str]:
    """The hosts that have what was revoked: by the inventory, and by what the store saw last.

    asked   as `named` returns it
    ledger  what ledger_info returned after the revocation
    done    what client_certificates returned to it; of a client whose single certificate was revoked something is left
    """
    told = ledger.get("clients", {})
    gone = [name for name in done.get("clients", {}) if told.get(name, {}).get("status") == "revoked"]
    clients = list(dict.fromkeys([*asked["clients"], *gone]))
    hosts_by_client = {client_of(host, hostvars[host]): host for host in hostvars}
    found = [hosts_by_client[name] for name in clients if name in hosts_by_client]
    found += [told[name]["host"] for name in clients if name in told and told[name]["host"] in hostvars]
    return list(dict.fromkeys(found))


def first_of(hosts: Sequence[str]) -> str:
    """The first of them by name, and how many more there are."""
    more = len(hosts) - NAMED
    return f"{', '.join(hosts[:NAMED])}{f' and {more} more' if more > 0 else ''}"
