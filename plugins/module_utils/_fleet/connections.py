# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: who is to be connected, and who is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._errors import UserVpnError
from .._mac import tunnel
from .naming import first_of
from .refusals import likely_cause
from .run import BY_API, Result, Run, has_failed, is_looked_at
from .sessions import is_unanswered, out_of_place, unanswered
from .settings import DEFAULTS

KEYCHAIN = "keychain"


def is_to_connect(run: Run, host: str) -> bool:
    """Not where the tunnel is up, nor where nothing can start it; a Mac of which nothing is known has to be asked."""
    known = run.delivered(host)
    if run.entry(host).get("delivery") == BY_API:
        return False
    if not known:
        return not run.entry(host) or is_looked_at(run.entry(host))
    if not is_installed(known):  # also where its own task has failed, and nothing is known of the tunnel
        return False
    try:
        way = way_of(run, host, known)
        return way is not None and bool(way.how or not way.reason)
    except UserVpnError:
        return True  # its own task says what is wrong with its settings


def is_installed(known: Result) -> bool:
    return not has_failed(known) and known.get("status", "installed") == "installed"


def way_of(run: Run, host: str, known: Result) -> tunnel.Plan | None:
    """How this run can start the tunnel of a Mac, or why it cannot; None where it is up."""
    wish = _wish(run, host)
    seen = _counted(run, host, wish, known)
    return None if tunnel.is_so(seen, wish) else tunnel.plan(wish, seen)


def reason_of(run: Run, host: str) -> str:
    """Why a Mac that could be connected is not; empty where it is, or where nobody has found out."""
    result, known = run.of(host, "connect_result"), run.delivered(host)
    if result:
        return "" if result.get("connected", True) else str(result["msg"])
    if run.entry(host).get("delivery") == BY_API:
        return (
            "No run contacts this Mac, so nobody knows whether it is connected; the module connection_info asks Azure."
        )
    if not is_installed(known) or "tunnel" not in known:
        return ""
    try:
        way = way_of(run, host, known)
    except UserVpnError as error:
        return str(error)
    return way.reason if way else ""


def address_of(run: Run, host: str, known: Result) -> str:
    """The address that the Mac has in the tunnel; empty when the tunnel is down."""
    result = run.of(host, "connect_result")
    if "address" in result:
        return str(result["address"])
    try:
        return str(_counted(run, host, _wish(run, host), known)["tunnel"]["address"]) if "tunnel" in known else ""
    except UserVpnError:
        return ""


def _wish(run: Run, host: str) -> tunnel.Wish:
    name = run.setting(host, "connection_name")
    return tunnel.Wish(
        via=run.setting(host, "connect_via"),
        connection_name="" if name == DEFAULTS["connection_name"] else str(name or ""),
        shortcut=str(run.setting(host, "shortcut") or ""),
        probe=str(run.setting(host, "probe") or ""),
        by_hand=run.setting(host, "certificates_by") == KEYCHAIN,
    )


def _counted(run: Run, host: str, wish: tunnel.Wish, known: Result) -> dict[str, Any]:
    return tunnel.counted(known, wish, tunnel.pools(_texts(run.setting(host, "address_pools"))))[0]


def _texts(value: Any) -> list[str]:
    """A list of texts, also as one text with commas between, as Ansible takes it."""
    return [str(each) for each in (value.split(",") if isinstance(value, str) else value or []) if each]


def refused(run: Run) -> list[str]:
    """The Macs whose authentication a gateway refused."""
    return [host for host in run.hosts if run.of(host, "connect_result").get("refused")]


def connected(run: Run) -> dict[str, str]:
    """The address in the tunnel of each Mac that is connected."""
    found = ((host, run.of(host, "connect_result") or run.delivered(host)) for host in run.hosts)
    addresses = {host: address_of(run, host, known) for host, known in found}
    return {host: address for host, address in addresses.items() if address}


def sentences(run: Run, ledger: Result, azure: Result, health: Result) -> list[str]:
    """What else there is to say about the connections.

    ledger, azure  what ledger_info and server_configuration_info returned, where a Mac was refused
    health         what connection_info returned, where Azure was asked
    """
    among = refused(run)
    configurations = azure.get("configurations", [])
    causes = _by_sentence(
        run, lambda host: likely_cause(_identities(run, host), ledger, configurations) if host in among else ""
    )
    found = [*out_of_place(health)]
    found += [f"The gateway refused {', '.join(hosts)}. {cause}" for cause, hosts in causes.items()]
    down = _by_sentence(run, lambda host: "" if host in among else reason_of(run, host))
    # Where nothing was tried nothing has gone wrong: people connect when they like.
    tried = {host for host in run.hosts if run.of(host, "connect_result")}
    for reason, hosts in down.items():
        found.append(f"Not connected: {', '.join(hosts) if tried & {*hosts} else first_of(hosts)}. {reason}")
    found += (f"{', '.join(hosts)}: {msg}" for msg, hosts in _by_sentence(run, lambda h: _distrust(run, h)).items())
    up = connected(run)
    if is_unanswered(health):
        return [*found, unanswered(health)]
    if not up or "addresses" not in health:
        return found
    there = {session["client"] for session in health.get("sessions", ())} - {""}
    unseen = [
        f"{host} ({address})"
        for host, address in up.items()
        if address not in health["addresses"] and run.client(host) not in there
    ]
    found.append(f"Azure sees {len(up) - len(unseen)} of {len(up)} Macs that are connected.")
    if unseen:
        found.append(
            f"Azure does not see {', '.join(unseen)} among the {health.get('connections', 0)} clients that are "
            "connected. The tunnel may end at another gateway or be another VPN, or Azure's figures lag: run again "
            "with --tags connect."
        )
    return found


def _by_sentence(run: Run, say: Callable[[str], str]) -> dict[str, list[str]]:
    """The Macs of which the same is to be said; none of which there is nothing."""
    found: dict[str, list[str]] = {}
    for host in run.hosts:
        found.setdefault(say(host), []).append(host)
    found.pop("", None)
    return found


def _identities(run: Run, host: str) -> list[str]:
    return list(run.of(host, "connect_result").get("identities", []))


def _distrust(run: Run, host: str) -> str:
    """What the person at the Mac has to do before a root in its keychain counts."""
    result = run.of(host, "install_certificates_result")
    return str(result["msg"]) if result.get("untrusted_roots") else ""
