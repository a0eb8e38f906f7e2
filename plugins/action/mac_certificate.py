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
from ..module_utils._mobileconfig.identity import Identity, load
from ..module_utils._pki.current import identity_of, public_of
from ..module_utils._pki.database import place_of
from ..module_utils._x509 import certificates
from ..module_utils._x509.certificates import Certificate
from ..module_utils._x509.text import thumbprint
from ..plugin_utils import _keychain
from ..plugin_utils._mac import MacState, facts
from ..plugin_utils._mac_action import MacAction

INPUT_LIMIT = 1_000_000
NO_PROFILE = "-"


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
        "keychain": {"type": "str", "choices": ["System", "login"], "default": "System"},
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
        identity, unissued = self._identity(arguments)
        state = self._know(arguments["keychain"], roots, identity)
        if present:
            plan = _keychain.plan_present(state, [*roots, *(identity.intermediates if identity else ())], identity)
        else:
            unwanted = {thumbprint(text, "fingerprints") for text in arguments["fingerprints"] or ()}
            unwanted |= {root.sha1 for root in roots}
            unwanted |= {identity.certificate.sha1} if identity else set()
            plan = _keychain.plan_absent(state, unwanted)
        before, trusted = state, state.trusted
        reachable = arguments["keychain"] == "System" or bool(state.console_user)
        changed = reachable and (not plan.empty or (unissued and present))
        if changed and not plan.empty and not self.check_mode:
            if plan.identity and arguments["client"]:
                plan = replace(plan, identity=self._private(plan.identity, arguments))
            state = self._change(arguments, plan, state, identity if present else None)
        untrusted = [
            root.sha1 for number, root in enumerate(roots) if present and root.self_issued and number not in trusted
        ]
        status = ("installed" if present else "removed") if reachable else "no_console_user"
        return (
            facts(state)
            | self._diff(arguments["keychain"], plan, before, changed)
            | {
                "changed": changed or (state.swept or before.swept),
                "status": status,
                "msg": _advice(
                    status,
                    before,
                    roots,
                    identity,
                    untrusted,
                    keychain=arguments["keychain"],
                    predicted=self.check_mode and changed,
                ),
                "client_sha1": identity.certificate.sha1 if identity else "",
                "root_sha1": [root.sha1 for root in roots],
                "added": [root.sha1 for root in plan.roots]
                + ([plan.identity.certificate.sha1] if plan.identity else []),
                "removed": list(plan.going),
                "untrusted_roots": untrusted,
            }
        )

    def _roots(self, arguments: dict[str, Any]) -> list[Certificate]:
        found: list[Certificate] = []
        for number, root in enumerate(arguments["gateway_roots"] or []):
            found += certificates.read(str(root.get("pem", "")).encode(), f"gateway_roots[{number}].pem")
        for name in arguments["roots"] or []:
            path = self.local_path(name)
            found += certificates.read(read(path, INPUT_LIMIT), str(path))
        return list({root.sha1: root for root in found}.values())

    def _identity(self, arguments: dict[str, Any]) -> tuple[Identity | None, bool]:
        """The identity, and whether an earlier task of a real run would have made it."""
        option = arguments["identity"]
        if arguments["client"]:
            return self._of_client(arguments)
        if option is None:
            return None, False
        path: Path = self.local_path(option["pkcs12_path"])
        if self.check_mode and not path.is_file():
            return None, True
        return load(read(path, INPUT_LIMIT), option["password"], str(path)), False

    def _of_client(self, arguments: dict[str, Any]) -> tuple[Identity | None, bool]:
        """What the store has, without its private part: only an import needs that."""
        name, place = arguments["client"], place_of(arguments["pki"], self.local_path)
        current = public_of(place, name)
        if current is None:
            if self.check_mode or arguments["state"] == "absent":
                return None, True
            raise UserVpnError(f"{place} has no certificate for the client {name}; issue one with client_certificates.")
        where = f"the store's certificate of {name}"
        chain = certificates.read(current.chain, where) if current.chain else []
        return Identity(certificates.read_one(current.pem, where), tuple(chain), b"", ""), False

    def _private(self, identity: Identity, arguments: dict[str, Any]) -> Identity:
        """The same identity with its private part."""
        place = place_of(arguments["pki"], self.local_path)
        current = identity_of(place, arguments["client"], arguments["passphrase"])
        if current is None or current.certificate.sha1 != identity.certificate.sha1:
            raise UserVpnError(f"{arguments['client']} has got another certificate in this moment; run again.")
        if current.identity is None:
            raise UserVpnError(
                f"The private key of {arguments['client']} was made on its Mac and is on it alone, so it cannot be "
                "brought into a keychain; issue an identity without csrs."
            )
        return replace(identity, pkcs12=current.identity.pkcs12, password=current.identity.password)

    def _know(self, keychain: str, roots: list[Certificate], identity: Identity | None) -> MacState:
        scope = "System" if keychain == "System" else "User"
        name = identity.certificate.common_name if identity else ""
        clean = "0" if self.check_mode else "1"
        state = self.ask("look", NO_PROFILE, scope, clean, name, stdin=_keychain.root_lines(roots))
        if not state.privileged and (scope == "System" or state.user != state.console_user):
            raise UserVpnError(
                f"{state.user} may not write the {keychain} keychain of this Mac: set become: true "
                "(and ansible_become_password where sudo asks for one)."
            )
        self.warn_leftover(state)
        return state

    def _change(
        self, arguments: dict[str, Any], plan: _keychain.Plan, state: MacState, identity: Identity | None
    ) -> MacState:
        scope = "System" if arguments["keychain"] == "System" else "User"
        password = arguments["keychain_password"] or "" if scope == "User" else ""
        after = self.ask(
            "change",
            NO_PROFILE,
            scope,
            *_keychain.words(plan, state, identity),
            stdin=_keychain.lines(plan, password),
        )
        if after.stage == "cannot_write":
            raise UserVpnError(
                "The certificates could not be staged on the Mac: is its disk full? Nothing was left on it."
            )
        left = _keychain.plan_absent(after, plan.going).going
        if identity or plan.roots:
            missing = _keychain.plan_present(after, plan.roots, identity)
            left = left if missing.identity is None else ()
            if missing.roots or missing.identity:
                raise UserVpnError(_refused(after, arguments["keychain"], "take all of them"))
        if left:
            raise UserVpnError(_refused(after, arguments["keychain"], f"let go of {', '.join(left)}"))
        return after

    def _diff(self, keychain: str, plan: _keychain.Plan, state: MacState, changed: bool) -> dict[str, Any]:
        if not (self.diff_mode and changed):
            return {}
        header = f"{keychain} keychain on {self.host}"
        coming = [f"root {root.sha1} {root.subject}" for root in plan.roots]
        if plan.identity:
            coming.append(f"identity {plan.identity.certificate.sha1} {plan.identity.certificate.subject}")
        going = [f"{'identity' if sha1 in state.identities else 'certificate'} {sha1}" for sha1 in plan.going]
        return {
            "diff": {
                "before_header": header,
                "after_header": header,
                "before": "".join(f"{line}\n" for line in going),
                "after": "".join(f"{line}\n" for line in coming),
            }
        }


def _refused(state: MacState, keychain: str, what: str) -> str:
    if keychain == "login" and "interaction is not allowed" in state.message.lower():
        return (
            f"The login keychain of {state.console_user} is locked for ssh: set keychain_password to the password of "
            f"that keychain, or use the System keychain. What was there is still there."
        )
    reason = state.message.rstrip(".") or "it gave no reason"
    return f"The {keychain} keychain did not {what}: {reason}. What was there is still there."


def _advice(
    status: str,
    state: MacState,
    roots: list[Certificate],
    identity: Identity | None,
    untrusted: list[str],
    *,
    keychain: str,
    predicted: bool,
) -> str:
    """One or two sentences for the person who reads the recap. `predicted`: check mode, and it is not so yet."""
    if status == "removed":
        return "A real run would remove them." if predicted else "None of these certificates is in the keychain."
    if status == "no_console_user":
        return (
            "Nobody is at the screen of this Mac, so there is no login keychain to write; run again when somebody is."
        )
    what = "Both the client and the root certificate are" if identity and roots else "The certificates are"
    said = "A real run would install the certificates." if predicted else f"{what} installed."
    if not untrusted:
        return said
    return f"{said} {_trust_advice(state.macos_version, untrusted, keychain)}"


def _trust_advice(macos_version: str, untrusted: list[str], keychain: str) -> str:
    """What a person has to do about roots that this Mac does not trust."""
    return (
        f"macOS {macos_version} lets only a person or a profile trust a root: for {', '.join(untrusted)}, open "
        f"Keychain Access > {keychain} > Certificates, Get Info > Trust > Always Trust; or deliver the certificates in "
        "the profile."
    )
