# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what came of a run, Mac by Mac and altogether."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .._documents import read_json
from .._mac.releases import release
from .connections import address_of, is_to_connect, reason_of
from .groups import UserGroups
from .naming import first_of
from .run import Result, Run, has_failed, is_looked_at
from .sessions import is_unanswered

CURRENT, REMOVED, WAITING, NOBODY, UNREACHABLE, BEHIND, EXPORTED, REVOKED, FAILED = STATUSES = (
    "current", "removed", "waiting for approval", "nobody at the screen", "unreachable", "behind", "exported",
    "revoked", "failed",
)  # fmt: skip

_BY_RESULT = {
    "installed": CURRENT,
    "incomplete": BEHIND,
    "removed": REMOVED,
    "pending_approval": WAITING,
    "no_console_user": NOBODY,
    "mdm_required": BEHIND,
    "key_wanted": BEHIND,
}
_NEXT = {
    WAITING: "Each person approves the profile in {place}; then run again.",
    NOBODY: "Run again when somebody is logged in at the screen.",
    UNREACHABLE: "Run again when they are reachable.",
    BEHIND: "Let the MDM deliver the profiles, then run again.",
    EXPORTED: "Bring the profiles onto these Macs: they were not asked.",
}


@dataclass(frozen=True)
class Standing:
    """Where one Mac stands. `next_step` is empty where there is none; `failed` where the run counts it as failed.

    `user_group` is the one to which Azure counts it, and `address_pools` of what its addresses come; where Azure has no
    user groups both are empty.
    """

    host: str
    status: str
    msg: str
    next_step: str = ""
    failed: bool = False
    connected: bool = False
    address: str = ""
    user_group: str = ""
    address_pools: Sequence[str] = ()


def standings(run: Run) -> list[Standing]:
    """Each Mac of the run, in the order of the inventory; none that the chosen tags left out."""
    rendered = run.of_fleet("configure_client_rendered")
    concerned = (h for h in run.hosts if rendered or run.delivered(h) or run.of(h, "connect_result"))
    groups = UserGroups(run)
    return [_standing(run, host, groups) for host in concerned]


def removals(run: Run) -> list[Standing]:
    """Each Mac that was to lose the profile, or the identity in its keychain."""
    found = []
    for host in run.of_fleet("revoke_macs") or ():
        results = [run.of(host, name) for name in ("revoke_removed", "revoke_keychain_result")]
        result = next((each for each in results if has_failed(each)), results[1] or results[0])
        result = result or run.in_mdm(host, "revoke_in_mdm")
        status, msg = _status(result, {})
        # Its own sentence says what an MDM has still to do. Azure refuses it all the same, so a Mac that is away does
        # not make the run fail.
        step = "" if status == BEHIND else _next_step(status, result)
        found.append(Standing(host, status, msg, step, status == FAILED))
    return found


def failures(run: Run) -> list[str]:
    """The Macs that the run counts as failed: all of them, where more have failed than the user allows."""
    concluded = run.of_fleet("report_conclusion") or {}
    failed = [host for host, told in (concluded.get("macs") or {}).items() if told["failed"]]
    most = float(run.setting(run.hosts[0], "max_fail_percentage")) if run.hosts else 100.0
    return list(run.hosts) if failed and len(failed) * 100 > most * len(run.hosts) else failed


def stopped(run: Run) -> list[str]:
    """The failures, and one Mac that is none: where all hosts of a play fail, Ansible ends the run for everybody."""
    failed = failures(run)
    known = ("report_conclusion", "certificates_due")  # what the playbooks leave with all of their Macs
    witnesses = (host for name in known for host in run.with_result(name) if host not in failed)
    return [*failed, *[host for host in [next(witnesses, "")] if host]] if failed else []


def _standing(run: Run, host: str, groups: UserGroups) -> Standing:
    known, entry = run.delivered(host), run.entry(host)
    connection = run.of(host, "connect_result")
    status, msg = _status(known, entry)
    if status == FAILED and run.is_revoked(host):
        status = REVOKED
    if not known and "connected" in connection:  # by tags, this step alone
        status, msg = (CURRENT if connection.get("installed") else BEHIND), _sentence(connection)
    missing = status not in (CURRENT, REVOKED, FAILED, UNREACHABLE) and not run.check
    failed = status in (REVOKED, FAILED, UNREACHABLE) or (missing and run.switch(host, "require_installed"))
    if connection.get("unreachable") or (connection.get("failed") and "connected" not in connection):
        status, msg, failed = (UNREACHABLE if connection.get("unreachable") else FAILED), _sentence(connection), True
    address = address_of(run, host, connection or known)
    if not address and run.switch(host, "require_connected") and not (run.check and is_to_connect(run, host)):
        failed, msg = True, reason_of(run, host) or msg
        status = FAILED if status == CURRENT else status
    elif address and run.switch(host, "require_connected") and is_unanswered(run.of_fleet("connect_health") or {}):
        status, msg, failed = FAILED, "Azure did not say whether it sees this Mac, so nobody knows that it does.", True
    mine = groups.of(host)
    return Standing(
        host, status, msg, _next_step(status, known), failed, bool(address), address, mine.group, mine.pools
    )


def _status(known: Result, entry: Result) -> tuple[str, str]:
    if entry.get("failed"):
        return FAILED, _sentence(entry)
    if known.get("unreachable") or known.get("failed"):
        return UNREACHABLE if known.get("unreachable") else FAILED, _sentence(known)
    if known:
        return _BY_RESULT.get(str(known.get("status", "installed")), FAILED), _sentence(known)
    if entry and not is_looked_at(entry):
        return EXPORTED, "Its profile was exported, and the Mac was not asked."
    return FAILED, "Nothing was found out about this Mac in this run."


def _next_step(status: str, known: Result) -> str:
    """In the words of the macOS that this Mac has; nothing where its own sentence says it."""
    if status == BEHIND and known.get("status") != "mdm_required":
        return ""
    return _NEXT.get(status, "").format(place=release(str(known.get("macos_version", ""))).profiles_place)


def _sentence(result: Result) -> str:
    return str(result.get("msg") or "no reason was given").removeprefix("Task failed: ")


# -- for people and for programs -------------------------------------------------------------------------------------


def lines(told: Iterable[Standing], *, check: bool = False) -> list[str]:
    """What people read at the end of a run: counts by status, and who has which but the first, by next step; and who is
    in which user group."""
    told = list(told)
    by_status = _by_status(told)
    total = sum(map(len, by_status.values()))
    counts = ", ".join(f"{len(macs)} {status}" for status, macs in by_status.items())
    connected = sum(mac.connected for macs in by_status.values() for mac in macs)
    head = f"{total} Mac{'' if total == 1 else 's'}: {counts or 'none'}. {connected} connected."
    found = [f"{'Check mode, nothing was changed. ' if check else ''}{head}"]
    for status, macs in by_status.items():
        if status != CURRENT:
            found += (f"{status}: {', '.join(hosts)}. {advice}" for advice, hosts in _by_advice(macs).items())
    return [*found, *_by_group(told)]


def _by_group(told: Iterable[Standing]) -> list[str]:
    """A line for each user group, and none where Azure has none."""
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for mac in told:
        if mac.user_group:
            found.setdefault((mac.user_group, tuple(mac.address_pools)), []).append(mac.host)
    return [
        f"User group {group}, addresses of {', '.join(pools) or 'pools that are not known'}: {first_of(hosts)}."
        for (group, pools), hosts in sorted(found.items())
    ]


def data(told: Iterable[Standing]) -> dict[str, Any]:
    """The same for a program: `counts` and `hosts` by status, without the names of those that are current."""
    by_status = _by_status(told)
    return {
        "counts": {status: len(by_status.get(status, ())) for status in STATUSES},
        "hosts": {status: [mac.host for mac in macs] for status, macs in by_status.items() if status != CURRENT},
    }


def by_host(told: Iterable[Standing]) -> dict[str, dict[str, Any]]:
    return {mac.host: {name: value for name, value in asdict(mac).items() if name != "host"} for mac in told}


def document(told: Iterable[Standing], time: str) -> str:
    """What a run leaves for later: `conclusion.json`."""
    told = list(told)
    return json.dumps(data(told) | {"macs": by_host(told), "time": time}, indent=2, sort_keys=True) + "\n"


def read(content: str) -> tuple[list[Standing], str]:
    """What `document` was given. ValueError when this is none."""
    kept = read_json(content)
    try:
        told = [Standing(host, **mac) for host, mac in sorted(kept["macs"].items())]
        time = kept["time"]
    except (AttributeError, KeyError, TypeError):
        raise ValueError("no conclusion of a run") from None
    texts = [text for mac in told for text in (mac.msg, mac.next_step, mac.address, mac.user_group, mac.address_pools)]
    plain = [each for text in texts for each in (text if isinstance(text, list) else [text])]
    if not all(isinstance(text, str) for text in (time, *plain)) or any(mac.status not in STATUSES for mac in told):
        raise ValueError("no conclusion of a run")
    return told, time


def _by_status(told: Iterable[Standing]) -> dict[str, list[Standing]]:
    macs = list(told)
    found = {status: [mac for mac in macs if mac.status == status] for status in STATUSES}
    return {status: members for status, members in found.items() if members}


def _by_advice(macs: Iterable[Standing]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for mac in macs:
        found.setdefault(mac.next_step or mac.msg, []).append(mac.host)
    return found


def seen(run: Run) -> list[dict[str, Any]]:
    """What each Mac was seen with in this run, as the store is to note it: of profiles, of Macs that answered."""
    found = []
    for host in run.hosts:
        removed = run.of(host, "revoke_removed") or run.in_mdm(host, "revoke_in_mdm")
        asked = run.of(host, "configure_client_result") or run.in_mdm(host, "configure_client_in_mdm")
        result, entry = removed or asked, {} if removed else run.entry(host)
        if "status" in result and not entry.get("failed") and not result.get("failed"):
            enrolled = "" if removed else run.enrolled(host)
            told: dict[str, Any] = {"in_store": bool(removed or entry.get("client") or enrolled)}
            if enrolled:
                told["certificate_sha1"] = enrolled
            if not removed:
                told["address"] = address_of(run, host, run.of(host, "connect_result") or result)
            found.append(_seen(host, result, entry) | told)
    return found


def _seen(host: str, result: Result, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "host": host,
        "identifier": result["identifier"],
        "serial_number": result["serial_number"],
        "macos_version": result["macos_version"],
        "status": result["status"],
        "profile_uuid": result["profile_uuid"],
        "shown_uuid": (result.get("profile") or {}).get("uuid", ""),
        "profile_sha256": entry.get("sha256", ""),
        "certificate_sha1": entry.get("certificate_sha1", ""),
        "gateway_roots": list(entry.get("gateway_roots", ())),
    }
