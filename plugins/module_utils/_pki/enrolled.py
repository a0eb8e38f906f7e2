# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: certificates that Macs got from another CA by themselves, as they were found there.

Azure refuses by thumbprint, so all that is needed to revoke one is to know it. It comes whole from a Mac, or as a line
of its MDM's inventory. A Mac may have identities for other things, too, so what is not surely that of its VPN is left:

* one that came whole has been issued by the CA behind the SCEP server, and has the common name that was asked for;
* of a line that names the issuer, that and the common name are looked at;
* of a line that does not, the whole name has to be the one that was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from .._errors import quoted
from .._x509 import certificates as x509
from .._x509 import checks
from .._x509.errors import X509Error
from .._x509.text import bare, is_thumbprint, utc_moment
from ._base import PkiError
from .store import ENROLLED, Certificate, Issuance

if TYPE_CHECKING:
    from .._x509.certificates import Certificate as X509

#: Of each attribute of a name, in its order: its type, and its value; None where any will do.
Name: TypeAlias = "Sequence[tuple[str, str | None]]"

TOLD = ("sha1", "serial", "common_name", "issuer", "subject", "not_before", "not_after")  # of a line
_PARTS = re.compile(r"(?:\\.|[^\\,/+])+", re.DOTALL)


@dataclass(frozen=True)
class Found:
    """A certificate that was found on a Mac together with its key. What is not known is empty.

    issuer     the issuer's common name
    whole      the certificate itself
    root_sha1  of the root that it was seen to come from
    """

    sha1: str
    serial: str
    common_name: str
    issuer: str
    subject: str
    not_before: datetime
    not_after: datetime
    whole: X509 | None = field(default=None, repr=False)
    root_sha1: str = ""

    def issuance(self, client: str, state: str, reason: str, mark: str = "") -> Issuance:
        """As it is entered for a client."""
        entered: dict[str, Any] = {
            "kind": "client",
            "name": client,
            "generation": 0,
            "root_sha1": self.root_sha1,
            "reason": reason,
            "origin": ENROLLED,
            "options": "{}",
            "mark": mark,
        }
        if self.whole:
            return Issuance.of(self.whole, (), state=state, **entered)
        told = {name: getattr(self, name) for name in TOLD if name != "issuer"}
        return Issuance(Certificate(**told, sha256="", public_key_sha256="", state=state, **entered), b"")


def found(items: Iterable[Any]) -> list[Found]:
    """What Macs and MDMs told: PEM texts, and dictionaries as mdm_profile_info returns them.

    What cannot be read, and what does not say when it begins and ends, is left: anything may lie in a keychain.
    PkiError for what is neither.
    """
    read = []
    for item in items:
        if isinstance(item, str) and "-----BEGIN CERTIFICATE-----" in item:
            whole = x509.find_one(item.encode(errors="replace"))
            read += [_of_whole(whole)] if whole else []
        elif isinstance(item, Mapping) and is_thumbprint(str(item.get("sha1") or "")):
            read += _of_line(item)
        else:
            raise PkiError(
                "enrolled of a client in clients holds something else than certificates: give what mdm_profile_info, "
                "mac_info or mac_profile returned, texts in PEM form or dictionaries with sha1."
            )
    return read


def _of_whole(whole: X509) -> Found:
    return Found(
        whole.sha1, whole.serial, whole.common_name, "", whole.subject, whole.not_before, whole.not_after, whole
    )


def _of_line(item: Mapping[str, Any]) -> list[Found]:
    told = {name: str(item.get(name) or "") for name in TOLD}
    try:
        not_before, not_after = utc_moment(told["not_before"]), utc_moment(told["not_after"])
    except ValueError:
        return []
    names = told["common_name"], told["issuer"], told["subject"]
    return [Found(bare(told["sha1"]), bare(told["serial"]), *names, not_before, not_after)]


def of_vpn(there: Iterable[Found], wanted: Name, authorities: Sequence[X509], now: datetime) -> tuple[Found, ...]:
    """Those that are for the VPN and have not ended, each once, the oldest first. `wanted` is the name asked for, and
    `authorities` are the root behind the SCEP server and the CAs below it."""
    found: dict[str, Found] = {}
    names = {name for authority in authorities for name in authority.common_names}
    for each in there:
        root = _root_of(each.whole, authorities) if each.whole else ""
        if each.whole or each.issuer:
            fits = bool(root or each.issuer in names) and _is_called(each, wanted)
        else:
            fits = _has_name(each.subject, wanted)
        known = found.get(each.sha1)
        if fits and each.not_after > now and not (known and known.whole):
            found[each.sha1] = replace(each, root_sha1=root)
    return tuple(sorted(found.values(), key=lambda each: (each.not_before, each.sha1)))


def _root_of(certificate: X509, authorities: Sequence[X509]) -> str:
    """SHA-1 of the topmost CA that it was issued under; empty where none of them has issued it."""
    try:
        above = checks.path(certificate, authorities, "scep_roots")
    except X509Error:
        return ""
    return above[-1].sha1 if above else ""


def _is_called(there: Found, wanted: Name) -> bool:
    names = [value for kind, value in wanted if kind == "CN"]
    return all(value is None or value.casefold() == there.common_name.casefold() for value in names)


def _has_name(subject: str, wanted: Name) -> bool:
    """Whether a name has just these attributes, in whatever order an MDM writes them."""
    if any(value is None for _kind, value in wanted):
        return False
    parts = [part.partition("=") for part in _PARTS.findall(subject)]
    told = sorted((kind.strip().upper(), _plain(value)) for kind, _sign, value in parts)
    return told == sorted((kind, _plain(value or "")) for kind, value in wanted)


def _plain(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value.strip(), flags=re.DOTALL).casefold()


def authorities_in(texts: Iterable[tuple[bytes, str]]) -> list[X509]:
    """All certificates in these files, each with its name for a message; X509Error for one that holds none."""
    return [each for content, where in texts for each in x509.read(content, where)]


def other_client(name: str, there: Found, owner: str) -> PkiError:
    return PkiError(
        f"The certificate {there.sha1} ({quoted(there.common_name)}), which was found on the Mac of {name}, is that of "
        f"{owner} in the store: give each Mac a name of its own in the subject, by its serial number for example, or "
        "correct the client name of one of the two."
    )
