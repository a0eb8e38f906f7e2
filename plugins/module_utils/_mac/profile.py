# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: one configuration profile on one Mac, there or gone.

Each function here takes what the Mac said first, and tells what is to be done there, or what has come of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._errors import shown
from .._mobileconfig.names import check_identifier
from .answer import SYSTEM, USER, MacError, MacState, facts, require_privilege, whole_identities
from .shell import Arguments, Exec, know

if TYPE_CHECKING:
    from .._mobileconfig.reading import ReadProfile

APPROVE, MDM = "approve", "mdm"
MDM_API_AND_ASKED = "mdm_api_ssh"  # an MDM's API was given the profile
INSTALLED, INCOMPLETE, PENDING, NOBODY, BY_MDM, KEY_WANTED, REMOVED = (
    "installed", "incomplete", "pending_approval", "no_console_user", "mdm_required", "key_wanted", "removed",
)  # fmt: skip

# The settings pane takes its copy about a second after `open`; a slow Mac gets ten times that.
SETTLE_SECONDS = 10

_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")
_UUID = re.compile(r"[0-9A-Za-z-]{0,64}")


@dataclass(frozen=True)
class Wanted:
    """The profile that a Mac should have, as far as one must know it to see whether it is there."""

    identifier: str
    scope: str
    display_name: str
    delivery: str
    uuid: str = ""  # as macOS shows it; empty: it is not rendered yet
    certificates: frozenset[str] = frozenset()  # SHA-256, upper-case hex, as the keychain prints it
    has_identity: bool = False
    gateway_roots: int = 0
    key_on_mac: bool = False  # the Mac completes it
    path: str = ""  # of the file
    sha256: str = ""  # of the file, lower-case hex

    @property
    def enrols(self) -> bool:
        """Whether the Mac gets its certificate by itself, so that nobody else knows it."""
        return bool(self.uuid) and not (self.has_identity or self.key_on_mac)

    @classmethod
    def of_entry(cls, entry: Mapping[str, Any], host: str) -> Wanted:
        """What mobileconfig returned for a Mac. MacError where that is no profile, or another Mac's."""
        try:
            if entry["failed"] is not False:
                raise MacError(str(entry["msg"]))
            if entry["host"] != host:
                raise MacError(
                    f"The profile of {entry['host']} is not brought onto {host}: give the entry of this Mac, "
                    "macs[inventory_hostname] of the result of mobileconfig."
                )
            return cls._of_entry(entry)
        except (KeyError, TypeError, ValueError):
            raise MacError(
                "profile is not what mobileconfig returned for this Mac: give macs[inventory_hostname] of its result "
                "as it is."
            ) from None

    @classmethod
    def _of_entry(cls, entry: Mapping[str, Any]) -> Wanted:
        uuid, sha256, certificates = entry["profile_uuid"], entry["sha256"], entry["certificates"]
        delivery = MDM if entry["delivery"] == MDM_API_AND_ASKED else entry["delivery"]
        if entry["scope"] not in (SYSTEM, USER) or delivery not in (APPROVE, MDM) or not _UUID.fullmatch(uuid):
            raise ValueError
        if not all(map(_SHA256.fullmatch, [*certificates, *([sha256] if uuid else [])])):
            raise ValueError
        return cls(
            identifier=check_identifier(entry["identifier"]),
            scope=entry["scope"],
            display_name=shown(str(entry["display_name"])),
            delivery=delivery,
            uuid=uuid.upper(),
            certificates=frozenset(text.upper() for text in certificates),
            has_identity=bool(entry["certificate_sha1"]),
            gateway_roots=len(entry["gateway_roots"]),
            key_on_mac=entry["key_on_mac"] is True,
            path=str(entry["path"]),
            sha256=sha256.lower(),
        )

    @classmethod
    def of_file(cls, profile: ReadProfile, delivery: str, path: str, sha256: str) -> Wanted:
        """A profile that somebody gives as a file."""
        return cls(
            identifier=profile.identifier,
            scope=profile.scope,
            display_name=profile.display_name,
            delivery=delivery,
            uuid=profile.uuid,
            certificates=profile.certificates,
            has_identity=bool(profile.identity),
            gateway_roots=len(profile.gateway_roots),
            key_on_mac=profile.unfinished is not None,
            path=path,
            sha256=sha256,
        )

    def require_same(self, profile: ReadProfile, sha256: str) -> None:
        """MacError unless the file is what was rendered for this Mac."""
        read = (profile.identifier, profile.scope, profile.uuid, profile.unfinished is not None, sha256)
        if read != (self.identifier, self.scope, self.uuid, self.key_on_mac, self.sha256):
            raise MacError(
                f"{self.path} is not the profile that was rendered for this Mac, so it is not delivered: render it "
                "again with mobileconfig, and let nothing else write there meanwhile."
            )


@dataclass(frozen=True)
class Outcome:
    """`result` is what the module returns; the versions before and after are for a diff, `warning` for a person."""

    result: dict[str, Any]
    before: str
    after: str
    warning: str = ""


def look(wanted: Wanted, *, check: bool) -> Exec:
    """The first exec."""
    return know(wanted.identifier, wanted.scope, check=check, uuid=wanted.uuid, whole=wanted.enrols)


def require(state: MacState, scope: str) -> None:
    """MacError unless profiles of this scope can be read and installed."""
    require_privilege(state, scope, f"read or install {scope} profiles on this Mac")


# -- there -----------------------------------------------------------------------------------------------------------


def require_possible(wanted: Wanted, *, check: bool, asked: bool) -> None:
    """MacError for what can never come of it. `asked`: the Mac is still to be asked whether it has a key."""
    if wanted.key_on_mac and wanted.delivery == MDM:
        raise MacError(
            "The private key of this profile is on the Mac and the profile is completed there, so no MDM can deliver "
            "it: use delivery approve, or let the controller make the key."
        )
    if not (wanted.uuid or check or (wanted.key_on_mac and asked)):
        raise MacError("The profile of this Mac is not rendered: run mobileconfig first, and not in check mode.")


def verdict(wanted: Wanted, state: MacState, offered_to: str, *, asked: bool) -> str:
    """The status as it is, or PENDING where the profile is to be offered.

    `offered_to` is whom it was offered to before. Without `asked` an earlier task has seen to the Mac's key.
    """
    if wanted.uuid and state.shows(wanted.uuid, wanted.scope):
        return INSTALLED
    if offered_to:
        return PENDING
    if wanted.delivery == MDM:
        return BY_MDM
    if wanted.key_on_mac and asked and not (state.has_key and wanted.uuid):
        return KEY_WANTED
    if wanted.key_on_mac and not state.has_key:
        raise MacError(
            "The private key of this profile is not on the Mac: run mac_key, have its request signed by "
            "client_certificates, render the profile, and give the result of mac_key as known."
        )
    return PENDING if state.console_user else NOBODY


def stage(wanted: Wanted, state: MacState, content: bytes, token: str = "", name: str = "") -> Exec:
    """The exec that offers it; token and name are those of a profile that is completed on the Mac."""
    arguments: Arguments = {
        "identifier": wanted.identifier,
        "scope": wanted.scope,
        "uuid": wanted.uuid,
        "pane": state.release.pane,
        "settle": SETTLE_SECONDS,
        "token": token,
        "name": name,
    }
    return Exec("stage", arguments, content)


def offered(wanted: Wanted, before: MacState, after: MacState, *, asked: bool) -> str:
    """The status after `stage`; MacError where it went wrong."""
    if wanted.uuid and after.shows(wanted.uuid, wanted.scope):
        return INSTALLED
    if after.stage == "no_console_user":
        return NOBODY
    if after.stage == "cannot_complete":
        other_key = not after.has_key or not after.message or "matches private key" in after.message
        if other_key and asked:
            return KEY_WANTED
        reason = (
            "the private key there is not the one of this certificate; run mac_key and client_certificates again"
            if other_key
            else after.reason
        )
        raise MacError(f"The Mac could not complete the profile: {reason}.")
    if after.stage != "opened":
        problem = {"cannot_write": "written to the home", "cannot_open": "opened in the session"}.get(
            after.stage, "brought into the session"
        )
        raise MacError(
            f"The profile could not be {problem} of {before.console_user}: {after.reason}. Nothing was left on the Mac."
        )
    return PENDING


def told(
    wanted: Wanted, status: str, before: MacState, after: MacState | None, offered_to: str, *, offers: bool
) -> Outcome:
    """What has come of it. `after` is what the Mac said to `stage`; None where that was not run.

    `offered_to` is whose approval is waited for; `offers`, that it is offered by this task, or would be in check mode.
    """
    state = after or before
    missing = sorted(wanted.certificates - state.fingerprints) if status == INSTALLED else []
    lost = _lost(state, wanted.scope) if status == INSTALLED else []
    flaw = _flaw(wanted, missing, lost, state.keychain_error.rstrip("."))
    if state.keychain_error:
        missing = []  # nobody knows
    opened = offers and (after is None or after.stage == "opened")
    # A key that still lies there once the profile is installed: a real run has taken it away by now. Where the profile
    # was offered by an earlier task of this run, that has counted as the change.
    spent = not (offered_to and not offers) and (before.dropped or (status == INSTALLED and before.has_key))
    changed = before.swept or opened or spent
    if missing or lost:
        status = INCOMPLETE
    result = _result(state, wanted.identifier, status, flaw or _advice(wanted, status, state, offered_to)) | {
        "changed": changed,
        "profile_uuid": wanted.uuid,
        "missing_certificates": missing,
        "missing_services": lost,
        "offered_to": offered_to if status == PENDING else "",
    }
    return Outcome(result, _version(before, wanted.scope), wanted.uuid or "(not rendered yet)", flaw)


def _lost(state: MacState, scope: str) -> list[str]:
    """The VPNs of the installed profile that macOS does not have, as far as the Mac tells of either."""
    profile = state.profile(scope)
    if profile is None or state.services is None:
        return []
    return [name for name, _on_demand in profile.connections if name not in state.services]


def _flaw(wanted: Wanted, missing: list[str], lost: list[str], unread: str) -> str:
    """What an installed profile should have brought, and is not there; `unread`, why the keychain could not be read."""
    if missing and unread:
        return f"'{wanted.display_name}' is shown as installed, but the keychain cannot be read: {unread}."
    lack = ""
    if lost:
        lack = f"macOS has no VPN {' and '.join(map(repr, lost))}, for vpnutil does not see it"
    if missing:
        lack = f"{len(missing)} of its certificates are not in the keychain ({', '.join(missing)})"
    again = "remove the profile (state: absent) and run again"
    return f"'{wanted.display_name}' is shown as installed, but {lack}: {again}." if lack else ""


def _advice(wanted: Wanted, status: str, state: MacState, offered_to: str) -> str:
    """One sentence for the person who reads the recap."""
    name = f"'{wanted.display_name}'"
    if status not in (INSTALLED, KEY_WANTED) and not wanted.uuid:
        return "The profile is not rendered yet; a real run renders it first."
    return {
        INSTALLED: f"{name} is installed{_with(wanted)}.",
        PENDING: f"{name} waits for {offered_to} to approve it in {state.release.profiles_place}; run again "
        "afterwards.",
        NOBODY: f"{name} was not offered: nobody is logged in at the screen of this Mac; run again when somebody is.",
        BY_MDM: f"{name} is not installed yet: let the MDM deliver the exported file, then run again.",
        KEY_WANTED: "This Mac needs a private key and a certificate for it first: run mac_key, client_certificates and "
        "mobileconfig.",
    }[status]


def _with(wanted: Wanted) -> str:
    roots = "the gateway root" if wanted.gateway_roots == 1 else f"{wanted.gateway_roots} gateway roots"
    parts = ["the client certificate"] * wanted.has_identity + [roots] * bool(wanted.gateway_roots)
    return f", with {' and '.join(parts)} in the keychain" if parts else ""


# -- gone ------------------------------------------------------------------------------------------------------------


def removal(identifier: str, scope: str, state: MacState) -> Exec | None:
    """What a real run does for a profile that is to be gone, and with it a key that lies there for it."""
    place: Arguments = {"identifier": identifier, "scope": scope}
    if state.profile(scope) or _holders(state, scope):
        return Exec("remove", place)
    return Exec("drop_key", place) if state.has_key else None


def removed(identifier: str, scope: str, before: MacState, done: Exec | None, after: MacState | None) -> Outcome:
    """What has come of it. `after` is what the Mac said to `done`; None where that was not run: in check mode."""
    if after and (after.profile(scope) or _holders(after, scope)):
        raise MacError(
            f"macOS kept the profile {identifier}{_of(_holders(after, scope))}: {after.reason}. A profile that an MDM "
            "installed can be removed by that MDM only."
        )
    if after:
        after.require_no_key()
    msg = f"{_where(identifier, scope, before)}."
    if done and not after:
        msg = f"A real run would remove the profile {identifier}{_of(_holders(before, scope))}."
    result = _result(after or before, identifier, REMOVED, msg)
    return Outcome(result | {"changed": before.swept or done is not None}, _version(before, scope), "")


def _holders(state: MacState, scope: str) -> list[str]:
    """The accounts that have it, of the scope User."""
    mine = state.profile(USER)
    return sorted({each.user for each in (*([mine] if mine else []), *state.elsewhere)}) if scope == USER else []


def _of(users: list[str]) -> str:
    return f" of {' and '.join(users)}" if users else ""


def _where(identifier: str, scope: str, state: MacState) -> str:
    """That it is gone, and where that was looked for."""
    if scope == SYSTEM:
        return f"The profile {identifier} is not among the System profiles of this Mac"
    if state.privileged:
        return f"The profile {identifier} is in no account of this Mac"
    looked = "the only one that can be looked at without become: true"
    return f"The profile {identifier} is not in the account {state.user}, {looked}"


def _version(state: MacState, scope: str) -> str:
    profile = state.profile(scope) or (next(iter(state.elsewhere), None) if scope == USER else None)
    return profile.uuid if profile else ""


def _result(state: MacState, identifier: str, status: str, msg: str) -> dict[str, Any]:
    return facts(state) | {
        "changed": False,
        "identifier": identifier,
        "profile_uuid": "",
        "missing_certificates": [],
        "missing_services": [],
        "offered_to": "",
        "key_on_disk": state.has_key,
        "status": status,
        "msg": msg,
        **whole_identities(state),
    }
