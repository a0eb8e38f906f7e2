# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: a client certificate that the Mac itself gets from a SCEP server (RFC 8894).

The Mac makes its key, and nobody else ever has it. So a profile holds no identity but the way to one, and with
variables of the MDM in the name it serves a whole fleet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .._errors import quoted
from .._x509.kinds import ADDRESS, MAIL, kind_of
from .._x509.text import bare
from . import payloads
from .errors import ProfileError
from .names import is_host_name

# The short names that Apple knows (com.apple.security.scep, Subject); any other type is a dotted OID.
TYPES = ("C", "L", "ST", "O", "OU", "CN")
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]{0,9})){1,20}")
# What MDMs fill in: %SerialNumber% (Apple), {{serialnumber}} (Intune), $SERIALNUMBER (Jamf Pro, Iru),
# $FLEET_VAR_HOST_HARDWARE_SERIAL (Fleet, whose variables may end in a name as somebody has given it), and
# {DeviceSerialNumber} (Workspace ONE).
_VARIABLE = re.compile(
    r"\$FLEET_\w+|%[A-Za-z]+%|\{\{\s*\w+\s*\}\}|\{[A-Za-z]+\}|\$\{[A-Za-z_]\w*\}|\$[A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)*",
    re.ASCII,
)
_ON_THE_MAC = re.compile(r"%[A-Za-z]+%", re.ASCII)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
KEY_SIZES = (2048, 4096)
LONGEST_NAME = 64  # of a common name (RFC 5280, ub-common-name)
LONGEST_VALUE = 128
# Whoever sees the SHA-256 of a profile can try out short ones.
SHORTEST_CHALLENGE = 16

Name = tuple[tuple[tuple[str, str], ...], ...]


@dataclass(frozen=True)
class Enrolment:
    """Where and as whom a Mac asks for its certificate, checked.

    subject      type and value of each attribute, in the order of the certificate
    challenge    empty where the server wants none
    fingerprint  SHA-1 of the CA certificate that the server shows; empty where TLS vouches for it
    """

    url: str
    name: str
    subject: Name
    challenge: str = field(repr=False)
    fingerprint: bytes
    key_size: int

    # What an identity of a certificate has, and one that is yet to come has not.
    certificate = None
    intermediates = ()
    where = "identity.scep"

    @property
    def common_name(self) -> str:
        return next(value for part in self.subject for kind, value in part if kind == "CN")

    @property
    def variables(self) -> tuple[str, ...]:
        """What an MDM fills in. With none, the certificate is that of one Mac."""
        values = [value for part in self.subject for _kind, value in part]
        return tuple(dict.fromkeys(found for text in [self.url, *values] for found in _VARIABLE.findall(text)))

    @property
    def shared(self) -> bool:
        return any(_VARIABLE.search(value) for part in self.subject for _kind, value in part)

    @property
    def warnings(self) -> tuple[str, ...]:
        if self.challenge and len(self.challenge) < SHORTEST_CHALLENGE and not _VARIABLE.search(self.challenge):
            return (
                f"The challenge of identity.scep is shorter than {SHORTEST_CHALLENGE} characters: whoever sees the "
                "SHA-256 of the profile could find it by trying; have the SCEP server take a longer one.",
            )
        return ()

    def check_delivery(self, delivery: str, local_identifier: str, *, signed: bool) -> None:
        """ProfileError where nobody fills in the variables, or whoever does breaks a signature."""
        held = {"identity.scep": self.variables, "local_identifier": tuple(_VARIABLE.findall(local_identifier))}
        for option, variables in held.items():
            if variables and delivery == "approve":
                raise ProfileError(
                    f"{option} holds {variables[0]}, which only an MDM fills in, but delivery is approve: deliver the "
                    "profile by an MDM, or give this Mac a name of its own."
                )
            if signed and not all(map(_ON_THE_MAC.fullmatch, variables)):
                raise ProfileError(
                    f"{option} holds {variables[0]}, and the MDM that fills it in breaks the signature: leave "
                    "sign_with out."
                )

    def payload(self, identifier: str) -> payloads.Payload:
        return payloads.scep(identifier, self)

    def local_identifier(self, wish: str | None) -> str:
        """The name by which the Mac introduces itself: the one wished for, or the common name.

        It is asked for as an alternative name too, since a gateway looks for it among those.
        """
        name = wish or self.common_name
        plain = _VARIABLE.sub("x", name)
        user, _at, domain = plain.rpartition("@")
        if kind_of(plain) == ADDRESS or not is_host_name(domain) or (user and not is_host_name(user.replace("_", "-"))):
            raise ProfileError(
                f"The name {quoted(name)}, by which the Mac would introduce itself, may hold letters, digits, dots and "
                "dashes, variables of the MDM, and one @ as in a mail address; set the common name in "
                "identity.scep.subject to such a one, or local_identifier."
            )
        return name

    def doubts(self, local_identifier: str) -> Iterator[str]:
        """About the name by which the Mac introduces itself."""
        if _ON_THE_MAC.search(local_identifier):
            yield (
                f"Nobody knows whether macOS fills in {local_identifier} where a Mac introduces itself to the gateway: "
                "take a variable that the MDM fills in, or set local_identifier."
            )
        elif local_identifier != self.common_name:
            yield (
                f"local_identifier is {quoted(local_identifier)} and not the common name of identity.scep.subject: a "
                "gateway that looks for it in the certificate finds it only if the SCEP server puts it there."
            )

    @property
    def alternative_name(self) -> dict[str, str]:
        """The common name as its holder would introduce itself by it, if it can be one."""
        kind = kind_of(_VARIABLE.sub("x", self.common_name))
        return {} if kind == ADDRESS else {"rfc822Name" if kind == MAIL else "dNSName": self.common_name}


# As which of them an MDM, or the Mac, fills in the serial number.
_SERIAL_NUMBERS = (
    "%SerialNumber%", "$SERIALNUMBER", "${SERIALNUMBER}", "$SERIAL_NUMBER", "{DeviceSerialNumber}",
    "$FLEET_VAR_HOST_HARDWARE_SERIAL", "${FLEET_VAR_HOST_HARDWARE_SERIAL}", "$ENROLLED_DEVICE.SERIAL_NUMBER",
)  # fmt: skip


def asked(subject: Any, serial_number: str) -> tuple[tuple[str, str | None], ...]:
    """Type and value of each attribute in the certificate of the Mac with this serial number, for a subject as
    identity.scep has it. None for a value with other variables, or where the number is not known."""
    return tuple((kind, _filled(value, serial_number)) for part in _subject(subject) for kind, value in part)


def _filled(value: str, serial_number: str) -> str | None:
    def number(found: re.Match[str]) -> str:
        known = found[0] in _SERIAL_NUMBERS or re.fullmatch(r"\{\{\s*serial_?number\s*\}\}", found[0])
        return serial_number if known else ""

    if any(not number(found) for found in _VARIABLE.finditer(value)):
        return None
    return _VARIABLE.sub(number, value)


def left_to_an_mdm(value: Any) -> list[str]:
    """The variables in the texts of a payload that the Mac does not fill in by itself, the challenge left aside."""
    if isinstance(value, Mapping):
        return [found for name, each in value.items() if name != "Challenge" for found in left_to_an_mdm(each)]
    if isinstance(value, list):
        return [found for each in value for found in left_to_an_mdm(each)]
    found = _VARIABLE.findall(value) if isinstance(value, str) else []
    return [each for each in found if not _ON_THE_MAC.fullmatch(each)]


def load(wish: Mapping[str, Any]) -> Enrolment:
    """What the option identity.scep says; ProfileError for what no Mac, no SCEP server or no Azure takes."""
    fingerprint = _fingerprint(wish.get("ca_fingerprint") or "")
    challenge = wish.get("challenge") or ""
    if _CONTROL.search(challenge):
        raise ProfileError("identity.scep.challenge holds a control character, such as a line break.")
    return Enrolment(
        url=_url(wish.get("url") or "", fingerprint),
        name=_text("identity.scep.name", wish.get("name") or ""),
        subject=_subject(wish.get("subject")),
        challenge=challenge,
        fingerprint=fingerprint,
        key_size=_key_size(wish.get("key_size") or 2048, str(wish.get("key_type") or "RSA")),
    )


def _url(url: str, fingerprint: bytes) -> str:
    _text("identity.scep.url", url)
    if _VARIABLE.fullmatch(url):  # as of Fleet, whose proxy it names
        return url
    try:
        parts = urlsplit(url)
        known = bool(parts.hostname) and parts.port != 0  # which raises for one that is none
    except ValueError:
        known = False
    if not known or parts.scheme.lower() not in ("http", "https") or " " in url:
        raise ProfileError(
            "identity.scep.url must be the address of a SCEP server, as in https://pki.example.com/scep."
        )
    if parts.username is not None or parts.password is not None:
        raise ProfileError("identity.scep.url holds a login, which every Mac would show: use identity.scep.challenge.")
    if parts.scheme.lower() == "http" and not fingerprint:
        raise ProfileError(
            "identity.scep.url is no https, so anybody on the way could pose as the SCEP server: set "
            "identity.scep.ca_fingerprint to the SHA-1 of its CA certificate, or use https."
        )
    return url


def _fingerprint(text: str) -> bytes:
    """Apple's Security framework knows the hash by its length, and takes SHA-1 and MD5 only (SecSCEP.h)."""
    digits = bare(text)
    if not digits:
        return b""
    if re.fullmatch("[0-9A-F]{40}", digits):
        return bytes.fromhex(digits)
    if re.fullmatch("[0-9A-F]{64}", digits):
        told = "is a SHA-256, which a Mac does not take here"
    elif re.fullmatch("[0-9A-F]{32}", digits):
        told = "is an MD5, which anybody can forge"
    else:
        told = "is no fingerprint"
    raise ProfileError(
        f"identity.scep.ca_fingerprint {told}: set it to the SHA-1 of the CA certificate that the SCEP server shows, "
        "40 hexadecimal digits (openssl x509 -fingerprint -sha1)."
    )


def _key_size(size: int, kind: str) -> int:
    if kind.upper() != "RSA" or size in (256, 384, 521):
        raise ProfileError(
            "identity.scep wants an EC key, which no Mac makes for SCEP (Apple's payload knows RSA only), and which "
            "Azure is not known to take: leave key_type out, and set key_size to 2048 or 4096."
        )
    if size not in KEY_SIZES:
        raise ProfileError(
            f"identity.scep.key_size is {size}: set it to 2048 or 4096. For SCEP a Mac makes keys of no other size but "
            "1024, which Azure refuses."
        )
    return size


def _subject(wish: Any) -> Name:
    """A name as Apple has it, [[["CN", "x"]], [["O", "y"]]], as a list of pairs, or as text, /CN=x/O=y or CN=x,O=y."""
    parts = tuple(_parsed(wish) if isinstance(wish, str) else _listed(wish))
    names = [value for part in parts for kind, value in part if kind == "CN"]
    if len(names) != 1:
        raise _no_subject("has no CN" if not names else "has more than one CN")
    return parts


def _parsed(text: str) -> Iterator[tuple[tuple[str, str], ...]]:
    separator = "/" if text.startswith("/") else ","
    # A backslash before any sign means just that sign, in both forms (RFC 4514, openssl req -subj).
    for part in re.findall(rf"(?:\\.|[^\\{separator}])+", text.removeprefix("/"), re.DOTALL):
        kind, sign, value = part.partition("=")
        if not sign:
            raise _no_subject(f"has {quoted(part.strip())} without a =")
        yield (_attribute(kind.strip(), re.sub(r"\\(.)", r"\1", value if separator == "/" else value.strip())),)
    if text.endswith("\\") and not text.endswith("\\\\"):
        raise _no_subject("ends with a backslash")


def _listed(wish: Any) -> Iterator[tuple[tuple[str, str], ...]]:
    for part in _sequence(wish):
        pairs = _sequence(part)
        if isinstance(pairs[0], str):
            pairs = [pairs]
        found = [_sequence(pair) for pair in pairs]
        if not found or any(len(pair) != 2 or not all(isinstance(each, str) for each in pair) for pair in found):
            raise _no_subject("holds something else than pairs of a type and a value")
        yield tuple(_attribute(str(kind), str(value)) for kind, value in found)


def _sequence(value: Any) -> Sequence[Any]:
    if not isinstance(value, list | tuple) or not value:
        raise _no_subject("is no list" if not isinstance(value, list | tuple) else "has an empty list")
    return value


def _attribute(kind: str, value: str) -> tuple[str, str]:
    kind = kind.upper()
    if kind not in TYPES and not _OID.fullmatch(kind):
        raise _no_subject(f"has the type {quoted(kind)}, which a Mac does not know; write its OID with dots")
    if not value.strip() or _CONTROL.search(value):
        raise _no_subject(f"has an empty {kind}" if not value.strip() else f"has a control character in {kind}")
    longest = LONGEST_NAME if kind == "CN" else LONGEST_VALUE
    if len(value) > longest:
        raise _no_subject(f"has a {kind} of more than {longest} characters")
    if kind == "C" and not re.fullmatch("[A-Za-z]{2}", value) and not _VARIABLE.search(value):
        raise _no_subject("has a C that is no country of two letters")
    return kind, value


def _no_subject(told: str) -> ProfileError:
    return ProfileError(
        f"identity.scep.subject {told}: write it as /CN=%SerialNumber%/O=Example, with one CN, and types "
        f"{', '.join(TYPES)} or OIDs."
    )


def _text(option: str, text: str) -> str:
    if _CONTROL.search(text) or len(text) > 1000:
        raise ProfileError(f"{option} holds a control character, or more than 1000 characters.")
    return text
