# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: which Macs of a run a play concerns."""

from __future__ import annotations

from collections.abc import Callable

from .._errors import UserVpnError
from .conclusion import failures, stopped
from .connections import KEYCHAIN, connected, is_to_connect, refused
from .rounds import is_waiting
from .run import BY_API, BY_API_AND_ASKED, Run, is_looked_at
from .settings import number


def chosen(run: Run, which: str) -> list[str]:
    """The Macs, in the order of the inventory. `which` is one of WAYS."""
    if which not in WAYS:
        raise UserVpnError(f"Macs can be chosen by {', '.join(WAYS)}, not by {which}.")
    return WAYS[which](run)


def _to_deliver(run: Run) -> list[str]:
    """One without a profile, too: its own task says why."""
    return [h for h in run.hosts if run.entry(h) and is_looked_at(run.entry(h))]


def _by_mdm(run: Run) -> list[str]:
    handed = (BY_API, BY_API_AND_ASKED)
    return [h for h in run.hosts if run.entry(h).get("delivery") in handed and not run.entry(h).get("failed")]


def _undelivered(run: Run) -> list[str]:
    found = []
    for host in _by_mdm(run):
        told = run.in_mdm(host, "configure_client_in_mdm")
        required = run.switch(host, "require_installed") and not is_looked_at(run.entry(host))
        missing = told.get("status") != "installed" and required and not run.check
        if told.get("failed") or missing:
            found.append(host)
    return found


def _by_keychain(run: Run) -> list[str]:
    return [h for h in run.hosts if run.setting(h, "certificates_by") == KEYCHAIN]


def _without_key(run: Run) -> list[str]:
    return [h for h in run.hosts if run.of(h, "configure_client_result").get("status") == "key_wanted"]


def _waiting(run: Run) -> list[str]:
    """Nobody, where the run waits for nobody."""
    waits = not run.check and any(number(run.setting(h, "wait"), "wait") for h in run.hosts[:1])
    return [h for h in run.hosts if waits and is_waiting(run, h)]


def _to_connect(run: Run) -> list[str]:
    return [h for h in run.hosts if is_to_connect(run, h)]


def _uncut(run: Run) -> list[str]:
    """The one that says for all that sessions of whoever is revoked may go on."""
    cut = run.of_fleet("revoke_cut") or {}
    return run.with_result("revoke_cut")[:1] if not cut.get("skipped", not cut) and cut.get("back", True) else []


WAYS: dict[str, Callable[[Run], list[str]]] = {
    "fleet": lambda run: run.hosts,
    "deliver": _to_deliver,
    "mdm": _by_mdm,
    "undelivered": _undelivered,
    "in_mdm": lambda run: [h for h in run.hosts if run.is_by_mdm(h)],
    "enrolled": lambda run: [h for h in run.hosts if run.setting(h, "scep")],
    "enrolled_in_mdm": lambda run: [h for h in run.hosts if run.is_by_mdm(h) and run.setting(h, "scep")],
    "keychain": _by_keychain,
    "make_key": _without_key,
    "wait": _waiting,
    "connect": _to_connect,
    "refused": refused,
    "connected": lambda run: list(connected(run)),
    "due": lambda run: list(run.of_fleet("certificates_due") or ()),
    "revoked": lambda run: [h for h in run.of_fleet("revoke_macs") or () if not run.is_by_mdm(h)],
    "revoked_in_mdm": lambda run: [h for h in run.of_fleet("revoke_macs") or () if run.is_by_mdm(h)],
    "uncut": _uncut,
    "fail": failures,
    "stop": stopped,
}
