# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One configuration profile on one Mac, there or gone.

At most two execs: one to know, one to act. A Mac that is as it should be costs the first alone. Nobody is waited for.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ..module_utils._errors import UserVpnError
from ..module_utils._files import read
from ..module_utils._mac import profile as profiles
from ..module_utils._mac.answer import MacState, recalled
from ..module_utils._mac.profile import Outcome, Wanted
from ..module_utils._mac.shell import Exec, know
from ..module_utils._mobileconfig.names import check_identifier
from ..plugin_utils._mac_action import MacAction, later

if TYPE_CHECKING:
    from ..module_utils._mobileconfig.reading import ReadProfile

MEBIBYTE = 1024 * 1024


class ActionModule(MacAction):
    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "profile": {"type": "dict"},
        "src": {"type": "path"},
        "identifier": {"type": "str"},
        "scope": {"type": "str", "choices": ["System", "User"], "default": "System"},
        "delivery": {"type": "str", "choices": ["approve", "mdm"], "default": "approve"},
        "offered_to": {"type": "str", "default": ""},
        "known": {"type": "dict"},
    }
    CONSTRAINTS: ClassVar[dict[str, Any]] = {
        "mutually_exclusive": [["profile", "src"]],
        "required_if": [["state", "absent", ["identifier"]], ["state", "present", ["profile", "src"], True]],
    }

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        if arguments["state"] == "absent":
            outcome = self._remove(check_identifier(arguments["identifier"]), arguments["scope"])
        else:
            outcome = self._install(arguments)
        if outcome.warning:
            self.warn(outcome.warning)
        result = outcome.result
        if self.check_mode and result["status"] == profiles.NOBODY:
            self.say(result["msg"])  # nothing would change, which looks as if all was well
        if result["changed"]:
            texts = (f"ProfileUUID: {version}\n" if version else "" for version in (outcome.before, outcome.after))
            result |= self.diff(f"configuration profile {result['identifier']} on", *texts)
        return result

    def _install(self, arguments: dict[str, Any]) -> Outcome:
        wanted = self._wanted(arguments)
        known = recalled(arguments["known"] or {})
        asked = known is None
        profiles.require_possible(wanted, check=self.check_mode, asked=asked)
        before = known or self._look(profiles.look(wanted, check=self.check_mode), wanted.scope)
        profiles.require(before, wanted.scope)
        offered_to, after = arguments["offered_to"], None
        status = profiles.verdict(wanted, before, offered_to, asked=asked)
        if status == profiles.PENDING and not offered_to:
            offered_to = before.console_user
            if not self.check_mode:
                after = self.ask(self._stage(wanted, before))
                status = profiles.offered(wanted, before, after, asked=asked)
                offered_to = after.offered_to
            return profiles.told(wanted, status, before, after, offered_to, offers=True)
        return profiles.told(wanted, status, before, None, offered_to, offers=False)

    def _wanted(self, arguments: dict[str, Any]) -> Wanted:
        identifier = arguments["identifier"]
        if arguments["profile"] is not None:
            wanted = Wanted.of_entry(arguments["profile"], self.host)
            _require_same(wanted.identifier, identifier)
            return wanted
        path = self.local_path(arguments["src"])
        if self.check_mode and not path.exists():  # an earlier task of a real run makes it
            if identifier is None:
                raise UserVpnError(f"{path} does not exist yet: set identifier as well, so that the Mac can be asked.")
            return Wanted(check_identifier(identifier), arguments["scope"], identifier, arguments["delivery"])
        profile, content = self._read(path)
        _require_same(profile.identifier, identifier)
        return Wanted.of_file(profile, arguments["delivery"], str(path), hashlib.sha256(content).hexdigest())

    def _stage(self, wanted: Wanted, state: MacState) -> Exec:
        """What brings the file onto the Mac, if it is still what was rendered for it."""
        profile, content = self._read(self.local_path(wanted.path))
        wanted.require_same(profile, hashlib.sha256(content).hexdigest())
        if profile.unfinished is None:
            return profiles.stage(wanted, state, content)
        unfinished = profile.unfinished
        return profiles.stage(wanted, state, unfinished.content, unfinished.token, unfinished.name)

    def _read(self, path: Path) -> tuple[ReadProfile, bytes]:
        content = read(path, MEBIBYTE)
        return later("_mobileconfig.reading").read_profile(content, str(path)), content

    def _remove(self, identifier: str, scope: str) -> Outcome:
        state = self._look(know(identifier, scope, check=self.check_mode), scope)
        step = profiles.removal(identifier, scope, state)
        return profiles.removed(identifier, scope, state, step, self.act(step))

    def _look(self, what: Exec, scope: str) -> MacState:
        state = self.ask(what)
        profiles.require(state, scope)
        self.warn_leftover(state)
        return state


def _require_same(identifier: str, wanted: str | None) -> None:
    if wanted not in (None, identifier):
        raise UserVpnError(
            f"The profile's identifier is {identifier}, not {wanted}: set identifier to the same value for both, or "
            "leave it out here."
        )
