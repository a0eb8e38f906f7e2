# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One configuration profile on one Mac, there or gone.

At most two execs: one to know, one to act. A Mac that is as it should be costs the first alone.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from ..module_utils._errors import UserVpnError
from ..module_utils._files import read
from ..module_utils._mobileconfig.manifest import update_entry
from ..module_utils._mobileconfig.names import check_identifier
from ..module_utils._mobileconfig.reading import ReadProfile, read_profile
from ..module_utils._pki.database import Place, place_of
from ..module_utils._pki.deliveries import macs_with, note_delivery, require_store
from ..module_utils._pki.store import Delivery
from ..plugin_utils._mac import MacState, facts
from ..plugin_utils._mac_action import MacAction

MEBIBYTE = 1024 * 1024
# The settings pane takes its copy about a second after `open`; a slow Mac gets ten times that.
SETTLE_SECONDS = 10


class ActionModule(MacAction):
    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "src": {"type": "path"},
        "content": {"type": "str", "no_log": True},
        "identifier": {"type": "str"},
        "scope": {"type": "str", "choices": ["System", "User"], "default": "System"},
        "profile_uuid": {"type": "str"},
        "delivery": {"type": "str", "choices": ["approve", "mdm"], "default": "approve"},
        "wait": {"type": "int", "default": 0},
        "manifest": {"type": "path"},
        "pki": {"type": "str"},
    }
    CONSTRAINTS: ClassVar[dict[str, Any]] = {
        "mutually_exclusive": [["src", "content"]],
        "required_if": [["state", "absent", ["identifier"]], ["state", "present", ["src", "content"], True]],
    }

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        place = self._place(arguments["pki"])
        if arguments["state"] == "absent":
            result = self._remove(check_identifier(arguments["identifier"]), arguments["scope"])
            self._note_delivery(place, result)
            return result
        content = self._content(arguments)
        if content is None:
            return self._predict_unrendered(arguments)
        profile = read_profile(content, arguments["src"] or "content")
        if self.check_mode and arguments["profile_uuid"] not in (None, profile.uuid):
            return self._predict_unrendered(arguments)  # what is there is the version before this run's
        if arguments["identifier"] not in (None, profile.identifier):
            raise UserVpnError(
                f"The profile's identifier is {profile.identifier}, not {arguments['identifier']}: "
                "set identifier to the same value for both, or leave it out here."
            )
        result = self._install(profile, content, arguments)
        self._note_serial_number(arguments["manifest"], result["serial_number"])
        self._note_delivery(place, result, profile, hashlib.sha256(content).hexdigest())
        return result

    def _content(self, arguments: dict[str, Any]) -> bytes | None:
        if arguments["content"] is not None:
            return str(arguments["content"]).encode()
        path = self.local_path(arguments["src"])
        if self.check_mode and not path.exists():
            return None  # an earlier task of the same run would have made it
        return read(path, MEBIBYTE)

    def _know(self, identifier: str, scope: str) -> MacState:
        state = self.ask("know", identifier, scope, "0" if self.check_mode else "1")
        if not state.privileged and (scope == "System" or state.user != state.console_user):
            raise UserVpnError(
                f"{state.user} may not read or install {scope} profiles on this Mac: set become: true "
                "(and ansible_become_password where sudo asks for one)."
            )
        self.warn_leftover(state)
        return state

    def _install(self, profile: ReadProfile, content: bytes, arguments: dict[str, Any]) -> dict[str, Any]:
        state = self._know(profile.identifier, profile.scope)
        before = state.profile(profile.scope)
        changed = state.swept
        if profile.unfinished and arguments["delivery"] == "mdm":
            raise UserVpnError(
                "The private key of this profile is on the Mac and the profile is completed there, so no MDM can "
                "deliver it: use delivery approve, or let the controller make the key."
            )
        if before is not None and before.uuid == profile.uuid:
            status = "installed"
            if state.has_key:  # approved after the run that had offered it
                changed = True
                state = state if self.check_mode else self.ask("drop_key", profile.identifier, profile.scope)
        elif arguments["delivery"] == "mdm":
            status = "mdm_required"
        elif not state.console_user:
            status = "no_console_user"
        else:
            status, changed = "pending_approval", True
            if not self.check_mode:
                state = self._stage(state, profile, content, arguments["wait"])
        after = state.profile(profile.scope)
        if after is not None and after.uuid == profile.uuid:
            status = "installed"
        elif status != "installed":
            self.say(_advice(status, state, profile))
        return self._result(state, profile.identifier, changed, (before.uuid if before else "", profile.uuid)) | {
            "status": status,
            "msg": _advice(status, state, profile),
            "profile_uuid": profile.uuid,
            "missing_certificates": self._missing_certificates(status, state, profile),
        }

    def _stage(self, state: MacState, profile: ReadProfile, content: bytes, wait: int) -> MacState:
        if wait:
            self.say(
                f"waiting up to {wait} s for {state.console_user} to approve '{profile.display_name}' "
                f"in {state.settings_path}"
            )
        more: tuple[str, ...] = ()
        if profile.unfinished:
            if not state.has_key:
                raise UserVpnError(
                    "The private key of this profile is not on the Mac: run mac_key, and have its request signed by "
                    "client_certificates, before the profile is rendered."
                )
            content, more = profile.unfinished.content, (profile.unfinished.token, profile.unfinished.name)
        words = (profile.uuid, state.settings_pane, str(wait), str(SETTLE_SECONDS), *more)
        after = self.ask("stage", profile.identifier, profile.scope, *words, stdin=content)
        if after.stage == "cannot_complete":
            raise UserVpnError(
                "The Mac could not complete the profile: the private key there is not the one of this certificate; "
                "run mac_key and client_certificates again."
            )
        if after.stage in ("cannot_write", "cannot_open"):
            problem = {"cannot_write": "written to", "cannot_open": "opened in"}[after.stage]
            raise UserVpnError(
                f"The profile could not be {problem} the session of {state.console_user}: "
                f"{after.message or 'is the disk full?'} Nothing was left on the Mac."
            )
        return after

    def _remove(self, identifier: str, scope: str) -> dict[str, Any]:
        state = self._know(identifier, scope)
        before = state.profile(scope)
        if before is not None and not self.check_mode:
            state = self.ask("remove", identifier, scope)
            if state.profile(scope) is not None:
                raise UserVpnError(
                    f"macOS kept the profile {identifier}: {state.message or 'no reason was given'} "
                    "A profile that an MDM installed can be removed by that MDM only."
                )
        changed = before is not None or state.swept or state.has_key
        if state.has_key and not self.check_mode:
            state = self.ask("drop_key", identifier, scope)
        return self._result(state, identifier, changed, (before.uuid if before else "", "")) | {
            "status": "removed",
            "msg": f"The profile {identifier} is not on this Mac.",
        }

    def _predict_unrendered(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments["identifier"] is None:
            raise UserVpnError(
                f"{arguments['src']} does not exist yet: set identifier as well, so that check mode can ask the Mac."
            )
        identifier = check_identifier(arguments["identifier"])
        state = self._know(identifier, arguments["scope"])
        before = state.profile(arguments["scope"])
        if arguments["delivery"] == "mdm":
            status = "mdm_required"
        else:
            status = "pending_approval" if state.console_user else "no_console_user"
        changed = status == "pending_approval" or state.swept
        return self._result(state, identifier, changed, (before.uuid if before else "", "(not rendered yet)")) | {
            "status": status,
            "msg": "The profile is not rendered yet; a real run renders it first.",
        }

    def _missing_certificates(self, status: str, state: MacState, profile: ReadProfile) -> list[str]:
        missing = sorted(profile.certificates - state.fingerprints) if status == "installed" else []
        if missing:
            self.warn(
                f"macOS shows the profile as installed, but {len(missing)} of its certificates are not in the keychain "
                f"({', '.join(missing)}): remove the profile (state: absent) and run again."
            )
        return missing

    def _note_serial_number(self, manifest: str | None, serial_number: str) -> None:
        path: Path | None = self.local_path(manifest) if manifest else None
        if path and serial_number and not self.check_mode:
            update_entry(path, self.host, {"serial_number": serial_number})

    def _place(self, value: str | None) -> Place | None:
        """Where to write down what the Mac was seen with; found out before anything is done to the Mac."""
        if not value or self.check_mode:
            return None
        place = place_of(value, self.local_path)
        require_store(place)
        return place

    def _note_delivery(
        self, place: Place | None, result: dict[str, Any], profile: ReadProfile | None = None, sha256: str = ""
    ) -> None:
        if place is None:
            return
        delivery = Delivery(
            time="",
            host=self.host,
            identifier=result["identifier"],
            serial_number=result["serial_number"],
            macos_version=result["macos_version"],
            status=result["status"],
            profile_uuid=result["profile_uuid"],
            shown_uuid=result["profile"].get("uuid", ""),
            profile_sha256=sha256,
            gateway_roots=profile.gateway_roots if profile else (),
        )
        identity = profile.identity if profile else ""
        if note_delivery(place, delivery, datetime.now(UTC), certificate_sha256=identity) and identity:
            macs = macs_with(place, identity)
            if len(macs) > 1:
                told = ", ".join(f"{number} ({host})" for number, host in sorted(macs.items()))
                self.warn(
                    f"{len(macs)} Macs have the identity that is in this profile: {told}. It is not renewed before "
                    "each has a client name of its own, or one that is scrapped was forgotten (module ledger)."
                )

    def _result(self, state: MacState, identifier: str, changed: bool, uuids: tuple[str, str]) -> dict[str, Any]:
        """What every answer has; `uuids` are the ProfileUUID before and after, for the diff."""
        result = facts(state) | {
            "changed": changed,
            "identifier": identifier,
            "profile_uuid": "",
            "missing_certificates": [],
        }
        if self.diff_mode and changed and uuids[0] != uuids[1]:
            header = f"configuration profile {identifier} on {self.host}"
            before, after = (f"ProfileUUID: {uuid}\n" if uuid else "" for uuid in uuids)
            result["diff"] = {"before_header": header, "after_header": header, "before": before, "after": after}
        return result


def _advice(status: str, state: MacState, profile: ReadProfile) -> str:
    """One sentence for the person who reads the recap."""
    name = f"'{profile.display_name}'"
    return {
        "installed": f"{name} is installed.",
        "pending_approval": f"{name} waits for {state.console_user} to approve it in {state.settings_path}; "
        "run again afterwards.",
        "no_console_user": f"{name} was not offered: nobody is logged in at the screen of this Mac; "
        "run again when somebody is.",
        "mdm_required": f"{name} is not installed yet: let the MDM deliver the exported file, then run again.",
    }[status]
