# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: certificates in a keychain of one Mac, there or gone.

What a keychain should hold, what it lacks, what is sent for it, and what has come of it. Unlike its neighbours this
reads certificates, and so needs the library for it.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from .._errors import UserVpnError
from .._mobileconfig.identity import Identity, under_password
from .._x509.certificates import Certificate, from_der
from .answer import SYSTEM, USER, MacState, facts, require_privilege
from .shell import Arguments, Exec

KEYCHAINS = {"System": SYSTEM, "login": USER}  # as macOS names them -> whose they are
NO_PROFILE = "-"
NO_KEYCHAIN = "no_console_user"  # the status where nobody is at the screen whose login keychain it would be


def quoted(text: str, what: str) -> str:
    """A word as `security -i` takes it: in double quotes, a backslash before what has a meaning there (security.c)."""
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise UserVpnError(f"{what} holds a line break or another control character, which `security` cannot take.")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def superseded(state: MacState, identity: Identity, former: Collection[str] = ()) -> list[str]:
    """SHA-1 of older identities of the same client: the same subject and the same issuer, and the key is there.

    So are those of `former`, by SHA-1, whatever their names. Another CA's identity of the same name is somebody else's
    (an MDM names a Mac as we do), and is left alone.
    """
    new = identity.certificate
    named = [found for found in map(_certificate, state.named) if found]
    alike = {found.sha1 for found in named if (found.subject, found.issuer) == (new.subject, new.issuer)}
    return sorted((alike | set(former)) & state.identities - {new.sha1})


def _certificate(text: str) -> Certificate | None:
    try:
        return from_der(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        return None


@dataclass(frozen=True)
class Plan:
    """What has to come into a keychain, and what has to leave it; SHA-1, upper case."""

    roots: tuple[Certificate, ...] = ()
    identity: Identity | None = None
    going: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.roots or self.identity or self.going)


def plan_present(
    state: MacState, roots: Iterable[Certificate], identity: Identity | None, former: Collection[str] = ()
) -> Plan:
    """What is missing comes in; the older identities of the same client go."""
    return Plan(
        roots=tuple({root.sha1: root for root in roots if root.sha1 not in state.certificates}.values()),
        identity=identity if identity and identity.certificate.sha1 not in state.identities else None,
        going=tuple(superseded(state, identity, former)) if identity else (),
    )


def plan_absent(state: MacState, fingerprints: Iterable[str]) -> Plan:
    """Exactly these go, as far as they are there."""
    return Plan(going=tuple(sorted(set(fingerprints) & (state.certificates | state.identities))))


def lines(plan: Plan, keychain_password: str) -> bytes:
    """The standard input of `change`.

    The identity is packed anew under a password that nobody ever sees again: the one of the user's file does not leave
    the controller, and what is staged on the Mac is worth nothing to whoever knows that one.
    """
    rows = [quoted(keychain_password, "The password of the keychain") if keychain_password else ""]
    rows += [f"cer - {_base64(root.der)}" for root in plan.roots]
    if plan.identity:
        once = secrets.token_hex(24)
        pkcs12, label = under_password(plan.identity, once)
        rows.append(f"p12 {once} {_base64(pkcs12)} {quoted(label, 'The name of the client')}")
    return "".join(f"{row}\n" for row in rows).encode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


# -- what a module asks and returns ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wish:
    """What the user asked for.

    keychain   one of KEYCHAINS
    roots      of gateways, each once
    identity   of the client
    former     SHA-1 of the certificates that the client had before, as far as they are known
    unwanted   SHA-1 of what is to go; None where all of the others is to be there
    unissued   in check mode: an earlier task of a real run would have made the identity
    """

    keychain: str
    roots: tuple[Certificate, ...] = ()
    identity: Identity | None = None
    former: frozenset[str] = frozenset()
    unwanted: frozenset[str] | None = None
    unissued: bool = False

    @property
    def present(self) -> bool:
        return self.unwanted is None

    @property
    def scope(self) -> str:
        return KEYCHAINS[self.keychain]

    def plan(self, state: MacState) -> Plan:
        if self.unwanted is not None:
            given = {root.sha1 for root in self.roots} | ({self.identity.certificate.sha1} if self.identity else set())
            return plan_absent(state, self.unwanted | given)
        further = self.identity.intermediates if self.identity else ()
        return plan_present(state, [*self.roots, *further], self.identity, self.former)

    def of(self, state: MacState) -> str:
        """Whose keychain that is, in words."""
        return f"login keychain of {state.console_user}" if self.scope == USER else f"{self.keychain} keychain"

    def reaches(self, state: MacState) -> bool:
        """Whether there is such a keychain: a login keychain is that of whoever sits at the screen."""
        return self.scope == SYSTEM or bool(state.console_user)


def look(wish: Wish, *, check: bool) -> Exec:
    """The first exec."""
    name = wish.identity.certificate.common_name if wish.identity else ""
    arguments: Arguments = {"identifier": NO_PROFILE, "scope": wish.scope, "check": int(check), "name": name}
    return Exec("look", arguments, "".join(f"{_base64(root.der)}\n" for root in wish.roots).encode())


def require(wish: Wish, state: MacState) -> None:
    """UserVpnError unless this keychain can be written."""
    require_privilege(state, wish.scope, f"write the {wish.keychain} keychain of this Mac")


def change(wish: Wish, plan: Plan, state: MacState, keychain_password: str) -> Exec | None:
    """What a real run does; None where there is nothing to do. Nothing goes before the wanted identity is there."""
    if plan.empty or not wish.reaches(state):
        return None
    new = wish.identity.certificate.sha1 if wish.present and wish.identity else ""
    going = " ".join(f"{_kind(state, sha1)}:{sha1}" for sha1 in plan.going)
    arguments: Arguments = {"identifier": NO_PROFILE, "scope": wish.scope, "new": new, "going": going}
    return Exec("change", arguments, lines(plan, keychain_password if wish.scope == USER else ""))


def require_changed(wish: Wish, plan: Plan, after: MacState) -> None:
    """UserVpnError unless the Mac has done what it was told; `after` is what it said to `change`."""
    if after.stage == "cannot_write":
        raise UserVpnError(f"The certificates could not be staged on the Mac: {after.reason}. Nothing was left on it.")
    missing = plan_present(after, plan.roots, wish.identity if wish.present else None)
    if missing.roots or missing.identity:
        raise UserVpnError(_refusal(wish, after, "take all of them"))
    left = plan_absent(after, plan.going).going
    if left:
        raise UserVpnError(_refusal(wish, after, f"let go of {', '.join(left)}"))


def _refusal(wish: Wish, after: MacState, what: str) -> str:
    if wish.scope == USER and "interaction is not allowed" in after.message.lower():
        return (
            f"The login keychain of {after.console_user} is locked for ssh: set keychain_password to the password of "
            "that keychain, or use the System keychain. What was there is still there."
        )
    return f"The {wish.of(after)} did not {what}: {after.reason}. What was there is still there."


def told(wish: Wish, plan: Plan, before: MacState, after: MacState | None) -> dict[str, Any]:
    """The result of the module. `after` is what the Mac said to `change`; None where that was not run."""
    reaches = wish.reaches(before)
    # What a root has issued is trusted with it.
    doubtful = [root for number, root in enumerate(wish.roots) if number not in before.trusted and root.self_issued]
    untrusted = [root.sha1 for root in doubtful] if wish.present else []
    changed = reaches and (not plan.empty or (wish.unissued and wish.present))
    status = ("installed" if wish.present else "removed") if reaches else NO_KEYCHAIN
    coming = [plan.identity.certificate.sha1] if plan.identity else []
    return facts(after or before) | {
        "changed": changed or before.swept,
        "status": status,
        "msg": _advice(wish, status, before, untrusted, predicted=changed and after is None),
        "client_sha1": wish.identity.certificate.sha1 if wish.identity else "",
        "root_sha1": [root.sha1 for root in wish.roots],
        "added": [*(root.sha1 for root in plan.roots), *coming],
        "removed": list(plan.going),
        "untrusted_roots": untrusted,
    }


def before_and_after(plan: Plan, before: MacState) -> tuple[str, str]:
    """For a diff: what goes and what comes, a line each."""
    going = [f"{_kind(before, sha1)} {sha1}" for sha1 in plan.going]
    coming = [f"root {root.sha1} {root.subject}" for root in plan.roots]
    if plan.identity:
        coming.append(f"identity {plan.identity.certificate.sha1} {plan.identity.certificate.subject}")
    return "".join(f"{line}\n" for line in going), "".join(f"{line}\n" for line in coming)


def _kind(state: MacState, sha1: str) -> str:
    return "identity" if sha1 in state.identities else "certificate"


def _advice(wish: Wish, status: str, state: MacState, untrusted: list[str], *, predicted: bool) -> str:
    """One or two sentences for the person who reads the recap. `predicted`: check mode, and it is not so yet."""
    if status == "removed":
        return (
            "A real run would remove them." if predicted else f"None of these certificates is in the {wish.of(state)}."
        )
    if status == NO_KEYCHAIN:
        return (
            "Nobody is at the screen of this Mac, so there is no login keychain to write; run again when somebody is."
        )
    what = "Both the client and the root certificate are" if wish.identity and wish.roots else "The certificates are"
    said = "A real run would install the certificates." if predicted else f"{what} installed."
    if not untrusted:
        return said
    return (
        f"{said} macOS {state.macos_version} lets only a person or a profile trust a root: for {', '.join(untrusted)}, "
        f"open Keychain Access > {wish.keychain} > Certificates, Get Info > Trust > Always Trust; or deliver the "
        "certificates in the profile."
    )
