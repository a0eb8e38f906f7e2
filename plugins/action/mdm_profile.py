# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring profiles onto Macs through their MDM. Documented in plugins/modules/mdm_profile.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from ..module_utils._errors import UserVpnError
from ..module_utils._mdm import delivery
from ..module_utils._mdm.delivery import Entry, Means, Wish
from ..module_utils._mdm.interface import Profile
from ..module_utils._mobileconfig.names import check_identifier
from ..plugin_utils._action import UserVpnAction
from ..plugin_utils._mdm_action import FURTHER, MAC_ARGUMENTS, MDM_ARGUMENTS, server_of, wish_of


class ActionModule(UserVpnAction):
    """mdm_profile."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        **MDM_ARGUMENTS,
        **MAC_ARGUMENTS,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "identifier": {"type": "str"},
        "wait": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 900},
    }
    CONSTRAINTS: ClassVar[dict[str, Any]] = {"required_if": [("state", "absent", ("identifier",))]}
    HOSTS = "profiles"
    FURTHER: ClassVar[dict[str, str]] = FURTHER

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._read: dict[Path, Profile] = {}

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        alone = self.alone(task_vars)
        macs = [mac for mac in arguments["profiles"] if not alone or mac["host"] == self.host]
        means = Means(
            say=self.say,
            warn=self.warn,
            check=self.check_mode,
            seconds=arguments["wait_timeout"] if arguments["wait"] else 0,
        )
        with (
            self.task_environment(),
            server_of(arguments["server"], self.local_path, self.say, self.mask) as server,
        ):
            if arguments["state"] == "absent":
                identifier = check_identifier(arguments["identifier"])
                entries = delivery.withdraw(server, identifier, [wish_of(mac) for mac in macs], means)
            else:
                wishes = [self._wish(mac) for mac in macs]
                known = [wish for wish in wishes if isinstance(wish, Wish)]
                done = {entry.host: entry for entry in delivery.deliver(server, known, means)}
                entries = [done[wish.host] if isinstance(wish, Wish) else wish for wish in wishes]
        told = {"changed": any(entry.changed for entry in entries), "macs": {e.host: e.told() for e in entries}}
        return told | {"alone": alone} | (_diff(entries) if self.diff_mode else {})

    def _wish(self, mac: Mapping[str, Any]) -> Wish | Entry:
        """What this Mac is to have; in check mode an entry where the profile is still to be rendered."""
        wish, profile = wish_of(mac), mac.get("profile") or {}
        problem = wish.problem or (profile.get("msg") if profile.get("failed") else "")
        try:
            if problem:
                raise UserVpnError(str(problem))
            if not isinstance(profile.get("path"), str) or not profile["path"]:
                if not self.check_mode:
                    raise UserVpnError("There is no profile for it: set profile to what mobileconfig has returned.")
                return Entry(wish.host, "queued", changed=True, serial_number=wish.serial_number)
            path = self.local_path(profile["path"])
            if self.check_mode and (profile.get("changed") or not path.exists()):
                version = str(profile.get("profile_uuid") or "")
                return Entry(
                    wish.host, "queued", changed=True, serial_number=wish.serial_number, wanted_version=version
                )
            shared = mac["shared"] if mac["shared"] is not None else bool(profile.get("shared"))
            if path not in self._read:  # one that is shared is read once
                self._read[path] = delivery.read(path)
            return replace(wish, profile=self._read[path], shared=shared)
        except UserVpnError as error:
            return replace(wish, problem=str(error))


def _diff(entries: list[Entry]) -> dict[str, Any]:
    """Which Mac goes from which version to which."""
    changed = [entry for entry in entries if entry.changed]
    before = [f"{entry.host} = {entry.previous_version or 'none'}" for entry in changed]
    after = [f"{entry.host} = {entry.wanted_version or 'none'}" for entry in changed]
    texts = {side: "".join(f"{line}\n" for line in lines) for side, lines in (("before", before), ("after", after))}
    headers = {"before_header": "profiles in the MDM", "after_header": "profiles in the MDM"}
    return {"diff": texts | headers} if changed else {}
