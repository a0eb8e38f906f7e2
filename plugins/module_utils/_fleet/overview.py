# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the fleet at a glance, from what the store, Azure and the last run have told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from .conclusion import EXPORTED, FAILED, UNREACHABLE, Standing, lines
from .sessions import by_client

Told = Mapping[str, Any]

#: Where a client can stand, in the order in which they are counted, and how that is.
TONES = {
    "current": "good", "expiring": "warn", "expired": "bad", "not_yet_valid": "bad", "old_root": "warn",
    "behind": "warn", "never_delivered": "warn", "removed_from_mac": "bad", "two_macs": "bad", "revoked": "none",
    "removed": "none",
}  # fmt: skip
#: What a playbook sees to; ledger_info itself knows of none.
BY_PLAYBOOK = ("expired", "expiring", "old_root", "behind", "never_delivered", "removed_from_mac")
RENEW = "Run the playbook vwan.user_vpn.renew for what is to be renewed, brought onto a Mac or looked at again."
#: Of a Mac that the last run was not about.
NOTHING = Standing("", EXPORTED, "")
#: Nobody is to connect with their certificates any more.
ENDED = ("revoked", "removed")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SPELT = {"mac": "Mac", "macs": "Macs", "mdm": "MDM"}
HIGHEST = 80  # a bar of the chart
#: Of a Mac, by key: the head of its column, and how the column is set. One in which no Mac has anything is left out.
COLUMNS = {
    "name": ("Mac", ""),
    "host": ("Host", ""),
    "status": ("Status", ""),
    "macos": ("macOS", ""),
    "delivery": ("Delivery", ""),
    "profile": ("Profile", ""),
    "serial": ("Serial number", ""),
    "days_left": ("Days left", "number"),
    "mac_days_left": ("On Mac", "number"),
    "gateway_roots": ("Gateway roots", ""),
    "verified": ("Verified", ""),
    "seen": ("Seen", ""),
    "on_mac": ("Connected (Mac)", ""),
    "in_azure": ("Connected (Azure)", ""),
    "in_mdm": ("MDM", ""),
    "mdm_seen": ("MDM check-in", ""),
    "user_group": ("User group", ""),
    "pools": ("Address pool", ""),
    "next_step": ("Next step", "long"),
    "detail": ("Detail", "long"),
}


def words(status: str) -> str:
    """A status in words."""
    return " ".join(_SPELT.get(word, word) for word in status.split("_"))


def title(fleet: str) -> str:
    return f"User VPN of {fleet}" if fleet else "User VPN"


def counts(clients: Told) -> list[tuple[str, int]]:
    """How many clients have which status, in the order of TONES."""
    found = Counter(client["status"] for client in clients.values())
    return [(status, found[status]) for status in (*TONES, *sorted(found.keys() - TONES.keys())) if found[status]]


def steps(clients: Told) -> list[dict[str, Any]]:
    """Who needs the same for the same reason, in the order of `counts`."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, client in sorted(clients.items()):
        if client["next_step"]:
            found.setdefault((client["status"], client["next_step"]), []).append(name)
    order = [status for status, _number in counts(clients)]
    return [
        {"status": status, "next_step": next_step, "clients": names}
        for (status, next_step), names in sorted(found.items(), key=lambda item: (order.index(item[0][0]), item[0][1]))
    ]


def is_for_playbook(clients: Told) -> bool:
    return any(client["status"] in BY_PLAYBOOK for client in clients.values())


def page(
    told: Told,
    connected: Told,
    run: Sequence[Standing],
    *,
    run_at: str,
    said: Sequence[str],
    fleet: str,
    configuration: str,
) -> dict[str, Any]:
    """All that the page of the fleet shows.

    told           what ledger_info has told, with its history
    connected      what connection_info has told, where Azure was asked for names
    run, run_at    what came of the last run, and when, where it has left that
    said           what comes first
    configuration  the name of the User VPN configuration
    """
    rows = list(_rows(told, connected, run))
    vpn = {root["sha1"]: root for root in told["gateway_roots"]}
    facts = [("Fleet", fleet), ("User VPN configuration", configuration.rpartition("/")[2]), ("Macs seen", _seen(rows))]
    last = max((event["time"] for event in told["events"]), default="")
    ends = list(_ends(told))
    return {
        "title": title(fleet),
        "date": told["time"][:10],
        "facts": [(name, value) for name, value in (*facts, ("Last entry in the store", _minute(last))) if value],
        "said": said,
        "rows": rows,
        "columns": [
            {"key": key, "title": head, "kind": kind}
            for key, (head, kind) in COLUMNS.items()
            if key in ("name", "status") or any(row[key] != "" for row in rows)
        ],
        "statuses": [
            {"name": words(status), "number": number, "tone": TONES.get(status, "")}
            for status, number in counts(told["clients"])
        ],
        "steps": [
            step | {"status": words(step["status"]), "tone": TONES.get(step["status"], "")}
            for step in steps(told["clients"])
        ],
        "by_playbook": RENEW if is_for_playbook(told["clients"]) else "",
        "ends": ends,
        "ends_told": _ends_told(ends),
        "macos": _macos(row["macos"] for row in rows),
        "roots": [
            {key: root[key] for key in ("common_name", "sha1", "generation", "state")}
            | {"ends": root["not_after"][:10], "needed": len(root["needed_by"])}
            for root in told["roots"]
        ],
        "gateway_roots": list(_gateway_roots(told["clients"], vpn)),
        "last_run": lines(run) if run else [],
        "last_run_at": _minute(run_at),
        "azure_asked": "sessions" in connected,
        "revocations": _revocations(told),
        "history": _history(told),
    }


def _seen(rows: Collection[Told]) -> str:
    return f"{sum(bool(row['seen']) for row in rows)} of {len(rows)}" if rows else ""


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")


# -- the rows


def _rows(told: Told, connected: Told, run: Sequence[Standing]) -> Iterator[dict[str, Any]]:
    wanted = {(each["host"], each["identifier"]): each["profile_uuid"] for each in told["deliveries"]}
    sessions = by_client(connected)
    asked = "sessions" in connected
    macs = {mac.host: mac for mac in run}
    known = [root["sha1"] for root in told["gateway_roots"]]
    for name, client in sorted(told["clients"].items()):
        mac = macs.get(client["host"] or name, NOTHING)
        own = sessions.get(name, [])
        yield {
            "name": name,
            "host": client["host"] if client["host"] != name else "",
            "status": words(client["status"]),
            "tone": TONES.get(client["status"], ""),
            "macos": client["macos_version"],
            "delivery": words(client["delivery"]),
            "profile": _versions(client["profile_uuid"], wanted.get((client["host"], client["identifier"]), "")),
            "serial": client["serial_number"],
            "days_left": client["days_left"] if client["status"] not in ENDED else "",
            "mac_days_left": client["mac_days_left"] if client["mac_sha1"] else "",
            "gateway_roots": _trusted(client["gateway_roots"], known) if client["profile_uuid"] else "",
            "verified": _minute(client["verified"]),
            "seen": _minute(client["seen"]),
            "on_mac": _on_mac(mac),
            "in_azure": since(own) if own else "no" if asked else "",
            "in_mdm": words(client.get("mdm", {}).get("state", "")),
            "mdm_seen": _minute(client.get("mdm", {}).get("last_seen", "")),
            "user_group": mac.user_group or _of_sessions(own, "user_groups"),
            "pools": ", ".join(mac.address_pools) or _of_sessions(own, "address_pools"),
            "next_step": client["next_step"],
            "detail": client["detail"],
        }


def since(sessions: Sequence[Told]) -> str:
    """Of one who is connected as Azure sees it: since when in UTC, or how many times."""
    return (_minute(sessions[0]["since"]) or "yes") if len(sessions) == 1 else f"{len(sessions)} times"


def _versions(shown: str, wanted: str) -> str:
    """The version of the profile that a Mac shows, and the one that it is to have, where it is another."""
    if shown == wanted or not wanted:
        return shown[:8]
    return f"{shown[:8] or 'none'}, wanted {wanted[:8]}"


def _trusted(roots: Collection[str], known: Collection[str]) -> str:
    """How many gateway roots are on a Mac; of those that are known, if any is missing there or all are."""
    return f"{len({*roots} & {*known})} of {len(known)}" if known else str(len(roots))


def _on_mac(mac: Standing) -> str:
    """The address in the tunnel, as the Mac told it; nothing where the Mac told nothing."""
    if mac.status in (UNREACHABLE, FAILED, EXPORTED):
        return ""
    return mac.address or "yes" if mac.connected else "no"


def _of_sessions(sessions: Iterable[Told], key: str) -> str:
    return ", ".join(sorted({text for session in sessions for text in session[key]}))


# -- what is counted


def _ends(told: Told) -> Iterator[dict[str, Any]]:
    """The certificates that have ended, and those that end in this month and the twelve after it."""
    ends = [client["not_after"] for client in told["clients"].values() if client["status"] not in ENDED]
    now = told["time"][:7]
    over = sum(end <= told["time"] for end in ends)
    found = Counter(end[:7] for end in ends if end > told["time"])
    year, month = int(now[:4]), int(now[5:])
    months = [(year + (month - 1 + n) // 12, (month - 1 + n) % 12) for n in range(13)]
    numbers = [over, *(found[f"{year:04}-{month + 1:02}"] for year, month in months)]
    highest = max(*numbers, 1)
    heights = [round(HIGHEST * number / highest, 1) for number in numbers]
    yield {"name": "ended", "year": "", "number": over, "height": heights[0], "tone": "bad"}
    for (year, month), number, height in zip(months, numbers[1:], heights[1:], strict=True):
        first = (year, month) == months[0]
        yield {
            "name": MONTHS[month],
            "year": str(year) if first or month == 0 else "",
            "number": number,
            "height": height,
            "tone": "warn" if first else "",
        }


def _ends_told(ends: Iterable[Told]) -> str:
    """The chart in words."""
    found = [f"{month['name']} {month['year']}".strip() + f": {month['number']}" for month in ends if month["number"]]
    return f"Certificates by the month in which they end. {', '.join(found) or 'None'}."


def _macos(versions: Iterable[str]) -> list[dict[str, Any]]:
    """Macs by release of macOS, the newest first."""
    found: dict[str, Counter[str]] = {}
    for version in filter(None, versions):
        found.setdefault(version.partition(".")[0], Counter())[version] += 1
    most = max((sum(each.values()) for each in found.values()), default=0)
    return [
        {
            "name": f"macOS {major}",
            "number": sum(each.values()),
            "most": most,
            "versions": ", ".join(f"{version}: {each[version]}" for version in sorted(each, key=_newest, reverse=True)),
        }
        for major, each in sorted(found.items(), key=lambda item: _newest(item[0]), reverse=True)
    ]


def _newest(version: str) -> tuple[tuple[int, ...], str]:
    parts = version.split(".")
    return tuple(int(part) if part.isascii() and part.isdecimal() and len(part) < 9 else -1 for part in parts), version


def _gateway_roots(clients: Told, known: Told) -> Iterator[dict[str, Any]]:
    """Those that packages have brought, and those that are on Macs all the same."""
    found = Counter(sha1 for client in clients.values() for sha1 in client["gateway_roots"])
    for sha1 in sorted({*known, *found}):
        root = known.get(sha1, {"subject": "", "not_after": ""})
        yield {
            "name": _common_name(root["subject"]) or "in no package of this store",
            "sha1": sha1,
            "ends": root["not_after"][:10] or "not known",
            "number": found[sha1],
        }


def _common_name(subject: str) -> str:
    """What a subject (RFC 4514) is called, where that can be read without unescaping; else all of it."""
    first, _comma, _rest = subject.partition(",")
    return first.removeprefix("CN=") if first.startswith("CN=") and "\\" not in first else subject


# -- what has happened


def _revocations(told: Told) -> list[dict[str, Any]]:
    refused = {event["sha1"]: event["time"] for event in told["events"] if event["what"] == "refused"}
    found = [each for each in told["certificates"] if each["kind"] == "client" and each["state"] == "revoked"]
    found.sort(key=lambda each: (each["name"], each["sha1"]))
    found.sort(key=lambda each: str(each["since"]), reverse=True)
    return [
        {
            "name": each["name"],
            "revoked": _minute(each["since"]),
            "reason": each["why"],
            "who": each["who"],
            "refused": _minute(refused.get(each["sha1"], "")) or "not seen yet",
            "sha1": each["sha1"],
            "ends": each["not_after"][:10],
        }
        for each in found
    ]


def _history(told: Told) -> dict[str, list[list[str]]]:
    """By client what has happened to its certificates, oldest first: when, what, why, by whom, which, until when."""
    ends = {each["sha1"]: each["not_after"][:10] for each in told["certificates"]}
    found: dict[str, list[list[str]]] = {}
    for each in told["events"]:
        if each["client"] in told["clients"]:
            found.setdefault(each["client"], []).append([
                _minute(each["time"]), words(each["what"]), each["reason"], each["who"], each["sha1"],
                ends.get(each["sha1"], ""),
            ])  # fmt: skip
    return dict(sorted(found.items()))
