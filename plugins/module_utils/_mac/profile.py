# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: one configuration profile on one Mac, there or gone.

Each function here takes what the Mac said first, and tells what is to be done there, or what has come of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._mobileconfig.reading import ReadProfile
from .answer import MacError, MacState, facts, require_privilege
from .shell import Arguments, Exec

APPROVE, MDM = "approve", "mdm"
INSTALLED, PENDING, NOBODY, BY_MDM, REMOVED = (
    "installed", "pending_approval", "no_console_user", "mdm_required", "removed",
)  # fmt: skip

# The settings pane takes its copy about a second after `open`; a slow Mac gets ten times that.
SETTLE_SECONDS = 10


@dataclass(frozen=True)
class Outcome:
    """`result` is what the module returns; the versions before and after are for a diff, `warning` for a person."""

    result: dict[str, Any]
    before: str
    after: str
    warning: str = ""


def look(identifier: str, scope: str, *, check: bool) -> Exec:
    """The first exec."""
    return Exec("know", {"identifier": identifier, "scope": scope, "check": int(check)})


def require(state: MacState, scope: str) -> None:
    """MacError unless profiles of this scope can be read and installed."""
    require_privilege(state, scope, f"read or install {scope} profiles on this Mac")


# -- there -----------------------------------------------------------------------------------------------------------


def offer(profile: ReadProfile, content: bytes, state: MacState, delivery: str, wait: int) -> Exec | None:
    """What a real run does for a profile that is to be there; MacError for what can never come of it."""
    if profile.unfinished and delivery == MDM:
        raise MacError(
            "The private key of this profile is on the Mac and the profile is completed there, so no MDM can deliver "
            "it: use delivery approve, or let the controller make the key."
        )
    place: Arguments = {"identifier": profile.identifier, "scope": profile.scope}
    if state.shows(profile.uuid, profile.scope):
        # A key that lies there still was approved after the run that had offered it.
        return Exec("drop_key", place) if state.has_key else None
    if delivery == MDM or not state.console_user:
        return None
    token = name = ""
    if profile.unfinished:
        if not state.has_key:
            raise MacError(
                "The private key of this profile is not on the Mac: run mac_key, and have its request signed by "
                "client_certificates, before the profile is rendered."
            )
        content, token, name = profile.unfinished.content, profile.unfinished.token, profile.unfinished.name
    arguments: Arguments = {
        "uuid": profile.uuid,
        "pane": state.release.pane,
        "wait": wait,
        "settle": SETTLE_SECONDS,
        "token": token,
        "name": name,
    }
    return Exec("stage", place | arguments, content)


def invitation(profile: ReadProfile, state: MacState, wait: int) -> str:
    """What is said while a person is waited for."""
    return (
        f"waiting up to {wait} s for {state.console_user} to approve '{profile.display_name}' in "
        f"{state.release.profiles_place}"
    )


def installed(
    profile: ReadProfile, delivery: str, before: MacState, done: Exec | None, after: MacState | None
) -> Outcome:
    """What has come of it. `after` is what the Mac said to `done`; None where that was not run: in check mode."""
    state = after or before
    offered = done is not None and done.verb == "stage"
    if after and offered:
        _refuse_stage(after, before.console_user)
        offered = after.stage != NOBODY
    if state.shows(profile.uuid, profile.scope):
        status = INSTALLED
    elif delivery == MDM:
        status = BY_MDM
    else:
        status = PENDING if offered else NOBODY
    missing = sorted(profile.certificates - state.fingerprints) if status == INSTALLED else []
    changed = before.swept or offered or (done is not None and done.verb == "drop_key")
    result = _result(state, profile.identifier, changed, status, advice(status, state, profile))
    result |= {"profile_uuid": profile.uuid, "missing_certificates": missing}
    return Outcome(result, _version(before, profile.scope), profile.uuid, _incomplete(missing))


def _refuse_stage(after: MacState, person: str) -> None:
    if after.stage == "cannot_complete":
        raise MacError(
            "The Mac could not complete the profile: the private key there is not the one of this certificate; run "
            "mac_key and client_certificates again."
        )
    if after.stage in ("cannot_write", "cannot_open"):
        problem = {"cannot_write": "written to", "cannot_open": "opened in"}[after.stage]
        raise MacError(
            f"The profile could not be {problem} the session of {person}: {after.message or 'is the disk full?'} "
            "Nothing was left on the Mac."
        )


def advice(status: str, state: MacState, profile: ReadProfile) -> str:
    """One sentence for the person who reads the recap."""
    name = f"'{profile.display_name}'"
    return {
        INSTALLED: f"{name} is installed.",
        PENDING: f"{name} waits for {state.console_user} to approve it in {state.release.profiles_place}; run again "
        "afterwards.",
        NOBODY: f"{name} was not offered: nobody is logged in at the screen of this Mac; run again when somebody is.",
        BY_MDM: f"{name} is not installed yet: let the MDM deliver the exported file, then run again.",
    }[status]


def _incomplete(missing: list[str]) -> str:
    if not missing:
        return ""
    return (
        f"macOS shows the profile as installed, but {len(missing)} of its certificates are not in the keychain "
        f"({', '.join(missing)}): remove the profile (state: absent) and run again."
    )


def unrendered(identifier: str, scope: str, delivery: str, state: MacState) -> Outcome:
    """In check mode, of a profile that an earlier task of a real run would have made."""
    status = BY_MDM if delivery == MDM else PENDING if state.console_user else NOBODY
    msg = "The profile is not rendered yet; a real run renders it first."
    result = _result(state, identifier, state.swept or status == PENDING, status, msg)
    return Outcome(result, _version(state, scope), "(not rendered yet)")


# -- gone ------------------------------------------------------------------------------------------------------------


def removal(identifier: str, scope: str, state: MacState) -> Exec | None:
    """What a real run does for a profile that is to be gone, and with it a key that lies there for it."""
    place: Arguments = {"identifier": identifier, "scope": scope}
    if state.profile(scope):
        return Exec("remove", place)
    return Exec("drop_key", place) if state.has_key else None


def removed(identifier: str, scope: str, before: MacState, done: Exec | None, after: MacState | None) -> Outcome:
    """What has come of it, as in `installed`."""
    if after and after.profile(scope):
        raise MacError(
            f"macOS kept the profile {identifier}: {after.message or 'no reason was given'} A profile that an MDM "
            "installed can be removed by that MDM only."
        )
    changed = before.swept or done is not None
    msg = f"The profile {identifier} is not on this Mac."
    return Outcome(_result(after or before, identifier, changed, REMOVED, msg), _version(before, scope), "")


def _version(state: MacState, scope: str) -> str:
    profile = state.profile(scope)
    return profile.uuid if profile else ""


def _result(state: MacState, identifier: str, changed: bool, status: str, msg: str) -> dict[str, Any]:
    return facts(state) | {
        "changed": changed,
        "identifier": identifier,
        "profile_uuid": "",
        "missing_certificates": [],
        "status": status,
        "msg": msg,
    }
