# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One configuration profile on one Mac, there or gone.

At most two execs: one to know, one to act. A Mac that is as it should be costs the first alone.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, ClassVar

from ..module_utils._errors import UserVpnError
from ..module_utils._files import read
from ..module_utils._mac import profile as profiles
from ..module_utils._mac.answer import MacState
from ..module_utils._mac.profile import Outcome
from ..module_utils._mobileconfig.manifest import update_entry
from ..module_utils._mobileconfig.names import check_identifier
from ..module_utils._mobileconfig.reading import ReadProfile, read_profile
from ..plugin_utils._mac_action import MacAction, pki

MEBIBYTE = 1024 * 1024


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
        profile, content = None, b""
        if arguments["state"] == "absent":
            outcome = self._remove(check_identifier(arguments["identifier"]), arguments["scope"])
        else:
            outcome, profile, content = self._install(arguments)
        if outcome.warning:
            self.warn(outcome.warning)
        result = outcome.result
        if result["changed"]:
            texts = (f"ProfileUUID: {version}\n" if version else "" for version in (outcome.before, outcome.after))
            result |= self.diff(f"configuration profile {result['identifier']} on", *texts)
        if profile and arguments["manifest"] and result["serial_number"] and not self.check_mode:
            serial_number = {"serial_number": result["serial_number"]}
            update_entry(self.local_path(arguments["manifest"]), self.host, serial_number)
        if place:
            self._note_delivery(place, result, profile, content)
        return result

    def _install(self, arguments: dict[str, Any]) -> tuple[Outcome, ReadProfile | None, bytes]:
        content = self._content(arguments)
        profile = read_profile(content, arguments["src"] or "content") if content is not None else None
        older = profile and self.check_mode and arguments["profile_uuid"] not in (None, profile.uuid)
        if content is None or profile is None or older:  # an earlier task of a real run makes it, or makes it anew
            return self._predict_unrendered(arguments), None, b""
        if arguments["identifier"] not in (None, profile.identifier):
            raise UserVpnError(
                f"The profile's identifier is {profile.identifier}, not {arguments['identifier']}: "
                "set identifier to the same value for both, or leave it out here."
            )
        delivery, wait = arguments["delivery"], arguments["wait"]
        state = self._look(profile.identifier, profile.scope)
        step = profiles.offer(profile, content, state, delivery, wait)
        if step and step.verb == "stage" and wait and not self.check_mode:
            self.say(profiles.invitation(profile, state, wait))
        outcome = profiles.installed(profile, delivery, state, step, self.act(step))
        if outcome.result["status"] != profiles.INSTALLED:
            self.say(outcome.result["msg"])
        return outcome, profile, content

    def _remove(self, identifier: str, scope: str) -> Outcome:
        state = self._look(identifier, scope)
        step = profiles.removal(identifier, scope, state)
        return profiles.removed(identifier, scope, state, step, self.act(step))

    def _predict_unrendered(self, arguments: dict[str, Any]) -> Outcome:
        if arguments["identifier"] is None:
            raise UserVpnError(
                f"{arguments['src']} does not exist yet: set identifier as well, so that check mode can ask the Mac."
            )
        identifier, scope = check_identifier(arguments["identifier"]), arguments["scope"]
        return profiles.unrendered(identifier, scope, arguments["delivery"], self._look(identifier, scope))

    def _content(self, arguments: dict[str, Any]) -> bytes | None:
        if arguments["content"] is not None:
            return str(arguments["content"]).encode()
        path = self.local_path(arguments["src"])
        return None if self.check_mode and not path.exists() else read(path, MEBIBYTE)

    def _look(self, identifier: str, scope: str) -> MacState:
        state = self.ask(profiles.look(identifier, scope, check=self.check_mode))
        profiles.require(state, scope)
        self.warn_leftover(state)
        return state

    def _place(self, value: str | None) -> Any:
        """Where to write down what the Mac was seen with; found out before anything is done to the Mac."""
        if not value or self.check_mode:
            return None
        place = pki("database").place_of(value, self.local_path)
        pki("deliveries").require_store(place)
        return place

    def _note_delivery(self, place: Any, result: dict[str, Any], profile: ReadProfile | None, content: bytes) -> None:
        delivery = pki("store").Delivery(
            time="",
            host=self.host,
            identifier=result["identifier"],
            serial_number=result["serial_number"],
            macos_version=result["macos_version"],
            status=result["status"],
            profile_uuid=result["profile_uuid"],
            shown_uuid=result["profile"].get("uuid", ""),
            profile_sha256=hashlib.sha256(content).hexdigest() if content else "",
            gateway_roots=profile.gateway_roots if profile else (),
        )
        deliveries, identity = pki("deliveries"), profile.identity if profile else ""
        noted = deliveries.note_delivery(place, delivery, datetime.now(UTC), certificate_sha256=identity)
        macs = deliveries.macs_with(place, identity) if noted and identity else {}
        if len(macs) > 1:
            told = ", ".join(f"{number} ({host})" for number, host in sorted(macs.items()))
            self.warn(
                f"{len(macs)} Macs have the identity that is in this profile: {told}. It is not renewed before each "
                "has a client name of its own, or one that is scrapped was forgotten (module ledger)."
            )
