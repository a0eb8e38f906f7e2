# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gateway roots and client identity in a keychain of one Mac, there or gone.

At most two execs: one to know, one to act. A Mac that is as it should be costs the first alone.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from ..module_utils._errors import UserVpnError
from ..module_utils._files import read
from ..module_utils._mac import certificate
from ..module_utils._mac.certificate import KEYCHAINS, Wish
from ..module_utils._mobileconfig.identity import Identity, load
from ..module_utils._x509 import certificates
from ..module_utils._x509.certificates import Certificate
from ..module_utils._x509.text import thumbprint
from ..plugin_utils._mac_action import MacAction, later

INPUT_LIMIT = 1_000_000


class ActionModule(MacAction):
    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "gateway_roots": {"type": "list", "elements": "dict"},
        "roots": {"type": "list", "elements": "path"},
        "identity": {
            "type": "dict",
            "options": {
                "pkcs12_path": {"type": "path", "required": True},
                "password": {"type": "str", "required": True, "no_log": True},
            },
        },
        "pki": {"type": "str"},
        "client": {"type": "str"},
        "passphrase": {"type": "str", "no_log": True},
        "fingerprints": {"type": "list", "elements": "str"},
        "keychain": {"type": "str", "choices": list(KEYCHAINS), "default": "System"},
        "keychain_password": {"type": "str", "no_log": True},
    }
    CONSTRAINTS: ClassVar[dict[str, Any]] = {
        "required_one_of": [["gateway_roots", "roots", "identity", "client", "fingerprints"]],
        "mutually_exclusive": [["identity", "client"]],
        "required_by": {"client": ["pki"]},
    }

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        present = arguments["state"] == "present"
        if present and arguments["fingerprints"]:
            raise UserVpnError("fingerprints only says what is to go: set state to absent, or leave it out.")
        roots = self._roots(arguments)
        identity, former, unissued = self._identity(arguments)
        unwanted = frozenset(thumbprint(text, "fingerprints") for text in arguments["fingerprints"] or ())
        wish = Wish(arguments["keychain"], roots, identity, former, None if present else unwanted, unissued)
        state = self.ask(certificate.look(wish, check=self.check_mode))
        certificate.require(wish, state)
        self.warn_leftover(state)
        plan = wish.plan(state)
        sent: certificate.Plan | None = plan
        if arguments["client"] and plan.identity and wish.reaches(state):
            sent = None if self.check_mode else replace(plan, identity=self._private(plan.identity, arguments))
        after = self.act(certificate.change(wish, sent, state, arguments["keychain_password"] or "")) if sent else None
        if after:
            certificate.require_changed(wish, plan, after)
        result = certificate.told(wish, plan, state, after)
        if result["status"] == certificate.NO_KEYCHAIN:
            return result
        return result | self.diff(f"{wish.keychain} keychain on", *certificate.before_and_after(plan, state))

    def _roots(self, arguments: dict[str, Any]) -> tuple[Certificate, ...]:
        found: list[Certificate] = []
        # In check mode there may be no package yet.
        if arguments["gateway_roots"] == [] and arguments["state"] == "present" and not self.check_mode:
            raise UserVpnError(
                "gateway_roots is empty: give those of the settings that profile_package or profile_package_info has "
                "returned, or leave the option out."
            )
        for number, root in enumerate(arguments["gateway_roots"] or []):
            found += certificates.read(str(root.get("pem", "")).encode(), f"gateway_roots[{number}].pem")
        for name in arguments["roots"] or []:
            path = self.local_path(name)
            found += certificates.read(read(path, INPUT_LIMIT), str(path))
        return tuple({root.sha1: root for root in found}.values())

    def _identity(self, arguments: dict[str, Any]) -> tuple[Identity | None, frozenset[str], bool]:
        """The identity, the SHA-1 of its forerunners, and whether an earlier task of a real run would have made it."""
        option = arguments["identity"]
        if arguments["client"]:
            return self._of_client(arguments)
        if option is None:
            return None, frozenset(), False
        path: Path = self.local_path(option["pkcs12_path"])
        if self.check_mode and not path.is_file():
            return None, frozenset(), True
        return load(read(path, INPUT_LIMIT), option["password"], str(path)), frozenset(), False

    def _of_client(self, arguments: dict[str, Any]) -> tuple[Identity | None, frozenset[str], bool]:
        """What the store has, without its private part: only an import needs that."""
        name, place = arguments["client"], later("_pki.database").place_of(arguments["pki"], self.local_path)
        current = later("_pki.current").public_of(place, name)
        if current is None:
            if self.check_mode or arguments["state"] == "absent":
                return None, frozenset(), True
            raise UserVpnError(f"{place} has no certificate for the client {name}; issue one with client_certificates.")
        where = f"the store's certificate of {name}"
        chain = certificates.read(current.chain, where) if current.chain else []
        return Identity(certificates.read_one(current.pem, where), tuple(chain), b"", ""), current.former, False

    def _private(self, identity: Identity, arguments: dict[str, Any]) -> Identity:
        """The same identity with its private part."""
        place = later("_pki.database").place_of(arguments["pki"], self.local_path)
        current = later("_pki.current").identity_of(place, arguments["client"], arguments["passphrase"])
        if current is None or current.certificate.sha1 != identity.certificate.sha1:
            raise UserVpnError(f"{arguments['client']} has got another certificate in this moment; run again.")
        if current.identity is None:
            raise UserVpnError(
                f"The private key of {arguments['client']} was made on its Mac and is on it alone, so it cannot be "
                "brought into a keychain; issue an identity without csrs."
            )
        return replace(identity, pkcs12=current.identity.pkcs12, password=current.identity.password)
