# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what a keychain should hold, what it lacks, and what is sent for it.

Knows nothing of Ansible. The Mac's half is `look` and `change` in mac.sh.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from ..module_utils._errors import UserVpnError
from ..module_utils._mobileconfig.identity import Identity, under_password
from ..module_utils._x509.certificates import Certificate, from_der
from ._mac import MacState


def quoted(text: str, what: str) -> str:
    """A word as `security -i` takes it: in double quotes, a backslash before what has a meaning there (security.c)."""
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise UserVpnError(f"{what} holds a line break or another control character, which `security` cannot take.")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def superseded(state: MacState, identity: Identity) -> list[str]:
    """SHA-1 of older identities of the same client: the same subject and the same issuer, and the key is there.

    Another CA's identity of the same name is somebody else's (an MDM names a Mac as we do), and is left alone.
    """
    new = identity.certificate
    old = [found for found in map(_certificate, state.named) if found]
    return sorted(
        found.sha1
        for found in old
        if (found.subject, found.issuer) == (new.subject, new.issuer)
        and found.sha1 != new.sha1
        and found.sha1 in state.identities
    )


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


def plan_present(state: MacState, roots: Iterable[Certificate], identity: Identity | None) -> Plan:
    """What is missing comes in; the older identities of the same client go."""
    return Plan(
        roots=tuple({root.sha1: root for root in roots if root.sha1 not in state.certificates}.values()),
        identity=identity if identity and identity.certificate.sha1 not in state.identities else None,
        going=tuple(superseded(state, identity)) if identity else (),
    )


def plan_absent(state: MacState, fingerprints: Iterable[str]) -> Plan:
    """Exactly these go, as far as they are there."""
    return Plan(going=tuple(sorted(set(fingerprints) & (state.certificates | state.identities))))


def words(plan: Plan, state: MacState, identity: Identity | None) -> list[str]:
    """The arguments of `change`: nothing goes before the wanted identity is there."""
    kinds = {sha1: "identity" if sha1 in state.identities else "certificate" for sha1 in plan.going}
    return [identity.certificate.sha1 if identity else "-", *(f"{kind}:{sha1}" for sha1, kind in kinds.items())]


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


def root_lines(roots: Iterable[Certificate]) -> bytes:
    """The standard input of `look`."""
    return "".join(f"{_base64(root.der)}\n" for root in roots).encode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
