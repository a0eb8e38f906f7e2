# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private key that is made on the Mac, stays there, and lies on its disk only until the profile is installed.

At most two execs: one to know, one to act. A Mac that has its profile costs the first alone.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..module_utils._errors import UserVpnError
from ..module_utils._mobileconfig.names import check_identifier
from ..module_utils._x509 import csr, keys
from ..module_utils._x509.errors import X509Error, require_cryptography
from ..plugin_utils._mac import MacState, facts
from ..plugin_utils._mac_action import MacAction


class ActionModule(MacAction):
    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "identifier": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "profile_uuid": {"type": "str", "default": ""},
        "key_wanted": {"type": "bool", "default": False},
        "spent_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
        "key_size": {"type": "int", "choices": [2048, 3072, 4096], "default": 2048},
    }

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        require_cryptography()
        identifier, size = check_identifier(arguments["identifier"]), arguments["key_size"]
        state = self.ask("csr", identifier, "System")
        if not state.privileged:
            raise UserVpnError(
                f"{state.user} may not read System profiles on this Mac: set become: true "
                "(and ansible_become_password where sudo asks for one)."
            )
        before = _fingerprint(state, size)
        if arguments["state"] == "absent" or self._has_profile(state, arguments):
            changed = state.has_key
            if changed and not self.check_mode:
                state = self.ask("drop_key", identifier, "System")
            return self._told(state, before, "", changed=changed, status="none")
        if before and before not in arguments["spent_keys"]:
            return self._told(state, before, before, changed=False, status="kept") | {"csr": state.csr}
        if self.check_mode:
            return self._told(state, before, "(new)", changed=True, status="made")
        state = self.ask("make_key", identifier, "System", str(size))
        after = _fingerprint(state, size)
        if not after or after == before:
            reason = state.message or "openssl gave no reason."
            raise UserVpnError(f"The Mac could not make a private key: {reason}")
        return self._told(state, before, after, changed=True, status="made") | {"csr": state.csr}

    @staticmethod
    def _has_profile(state: MacState, arguments: dict[str, Any]) -> bool:
        """Whether the keychain has the key already, and the profile that came with it needs no other one."""
        profile = state.profile("System")
        wanted = arguments["profile_uuid"].upper()
        return bool(wanted) and not arguments["key_wanted"] and profile is not None and profile.uuid == wanted

    def _told(self, state: MacState, before: str, after: str, *, changed: bool, status: str) -> dict[str, Any]:
        told: dict[str, Any] = {"changed": changed, "status": status, "csr": "", "public_key_sha256": after}
        if self.diff_mode and changed:
            header = f"private key on the disk of {self.host}"
            texts = {
                name: f"public key SHA-256: {key}\n" if key else ""
                for name, key in (("before", before), ("after", after))
            }
            told["diff"] = {"before_header": header, "after_header": header, **texts}
        return facts(state) | told


def _fingerprint(state: MacState, key_size: int) -> str:
    """Of the key on the Mac's disk; empty when there is none that could be certified."""
    try:
        return keys.fingerprint(csr.public_key(state.csr, "the Mac", key_size)) if state.csr else ""
    except X509Error:
        return ""
