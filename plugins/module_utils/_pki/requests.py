# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what is asked for each client, and which names can be used.

A client's name is what people call it, and in its certificate the alternative name by which the Mac introduces itself.
What all of that takes everywhere are letters, digits, dots and dashes. The common name is the same, unless Azure's user
groups are to tell clients apart, by the domain in it.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._errors import UserVpnError, quoted
from .._x509.text import bare
from ._base import PkiError
from .enrolled import Found, Name, found, of_vpn
from .store import ENROLLED

if TYPE_CHECKING:
    from .._x509.certificates import Certificate as X509

LONGEST_NAME = 64  # of a common name (RFC 5280, ub-common-name)
LONGEST_DNS_NAME = 253
MOST_TOLD = 3
DNS_NAME = re.compile(r"[A-Za-z0-9]+(-+[A-Za-z0-9]+)*(\.[A-Za-z0-9]+(-+[A-Za-z0-9]+)*)*")
_USER = r"[A-Za-z0-9_]+((-+|[.+])[A-Za-z0-9_]+)*"
COMMON_NAME = re.compile(rf"{DNS_NAME.pattern}|{_USER}@{DNS_NAME.pattern}|{DNS_NAME.pattern}\\{_USER}")
DNS, EMAIL = SAN_TYPES = ("dns", "email")
SOURCES = ("pkcs12_source", "certificate_source", "key_source")
TEXTS = ("serial_number", "common_name", "san_type", "source_password")
KEYS = ("name", "sans", "enrolled", "subject", *TEXTS, *SOURCES)


@dataclass(frozen=True)
class ClientRequest:
    """One client that is wanted.

    The sources name an identity that somebody else's CA has issued. `digest` is that of their content, and `key` the
    SHA-256 of the public key that `csr` asks to certify: both are filled in once these were read.
    """

    name: str
    sans: tuple[str, ...] = ()
    serial_number: str = ""  # of the Mac that is to have it; empty when it is not known
    common_name: str = ""  # of the certificate, where that is not the client's name
    san_type: str = (
        DNS  # by which of the two the Mac introduces itself: the name, or the common name as in a mail address
    )
    pkcs12_source: Path | None = None
    certificate_source: Path | None = None
    key_source: Path | None = None
    source_password: str | None = field(default=None, repr=False)
    enrolled: tuple[Found, ...] | None = None  # what was found on its Mac, which gets its certificate from another CA
    asked: Name = ()  # the name that the Mac asks for there
    flaw: str = ""  # why it is no name
    csr: str | None = None  # PEM; empty as long as there is none; None when the key is made here
    digest: str = ""
    key: str = ""

    @property
    def sources(self) -> tuple[Path, ...]:
        """The files with the finished identity; empty when it is to be made here."""
        return tuple(p for p in (self.pkcs12_source, self.certificate_source, self.key_source) if p)

    @property
    def subject(self) -> str:
        """The common name of its certificate."""
        return self.common_name or self.name

    @property
    def names(self) -> tuple[str, ...]:
        """The alternative names of a certificate that is made here; by the first the Mac introduces itself."""
        return (self.subject if self.san_type == EMAIL else self.name, *self.sans)

    @property
    def origin(self) -> str:
        """Where the certificate of this client comes from."""
        if self.enrolled is not None:
            return ENROLLED
        return "supplied" if self.sources else "made" if self.csr is None else "certified"


Asked = Callable[[Any, str], Name]


def parse_clients(
    items: Iterable[Any], local_path: Callable[[str], Path] = Path, asked: Asked = lambda _subject, _serial: ()
) -> list[ClientRequest]:
    """Requests from a list of names or dictionaries. PkiError for an item that is neither, or has unknown keys.

    `asked` reads a subject as a profile has it, for the Mac with this serial number.
    """
    return [_parse({"name": item} if not isinstance(item, Mapping) else item, local_path, asked) for item in items]


def _parse(item: Mapping[str, Any], local_path: Callable[[str], Path], asked: Asked) -> ClientRequest:
    unknown = sorted(str(key) for key in item if key not in KEYS)
    if unknown:
        raise PkiError(f"A client in clients has the unknown key {unknown[0]}; known are {', '.join(KEYS)}.")
    if isinstance(item.get("name"), list | Mapping | None):
        raise PkiError("Each client in clients is a name, or a dictionary with the key name.")
    sans = item.get("sans") or []
    if not isinstance(sans, list):
        raise PkiError("sans of a client in clients must be a list of DNS names.")

    for key in TEXTS:
        if not isinstance(item.get(key), str | None):
            raise PkiError(f"{key} of a client in clients must be a string: put it in quotes.")
    if not isinstance(item.get("enrolled"), list | None):
        raise PkiError(
            "enrolled of a client in clients must be a list of certificates; an empty one, if none is known."
        )
    if (item.get("enrolled") is None) != (item.get("subject") is None):
        raise PkiError(
            "enrolled and subject of a client in clients go together: what was found, and the name asked for."
        )
    given: dict[str, Any] = {key: item[key] for key in TEXTS if item.get(key) is not None}
    if item.get("enrolled") is not None:
        given["enrolled"] = tuple(found(item["enrolled"]))
        try:
            given["asked"] = asked(item["subject"], str(given.get("serial_number") or ""))
        except UserVpnError as error:
            given["flaw"] = str(error)
    given |= {key: local_path(str(item[key])) for key in SOURCES if item.get(key)}
    return ClientRequest(str(item["name"]), tuple(map(str, sans)), **given)


def with_csrs(requests: Iterable[ClientRequest], csrs: Mapping[str, Any]) -> list[ClientRequest]:
    """The same requests, those named in `csrs` with their CSR. PkiError for a name that no request has."""
    requests = list(requests)
    unknown = sorted(set(map(str, csrs)) - {request.name for request in requests})
    if unknown:
        raise PkiError(f"csrs names the client {quoted(unknown[0])}, which is not in clients; add it there.")
    return [replace(r, csr=str(csrs[r.name] or "")) if r.name in csrs else r for r in requests]


def with_enrolled(request: ClientRequest, authorities: Sequence[X509], now: datetime) -> ClientRequest:
    """The same request, of what was found with that alone which is for the VPN."""
    there = request.enrolled
    return replace(request, enrolled=of_vpn(there, request.asked, authorities, now)) if there else request


def unusable(requests: Collection[ClientRequest], known: Iterable[str]) -> dict[str, str]:
    """Why requests cannot be served, by name: one sentence that says what to set. `known` are names already in use."""
    times = Counter(request.name.lower() for request in requests)
    spelt = {name.lower(): name for name in known}
    found: dict[str, str] = {}
    for request in requests:
        lower = request.name.lower()
        for reason in _reasons(request, times[lower], spelt.get(lower, request.name)):
            found.setdefault(request.name, reason)
    return found


_OTHERS = r"[@\\]"
_OF_A_USER = " (user@domain, for Azure's user groups, is a common_name)"


def _reasons(request: ClientRequest, times: int, known: str) -> Iterator[str]:
    """`times` is how often the name occurs, `known` how it is spelt by now; capitals do not count."""
    name, told = request.name, quoted(request.name)
    if len(name) > LONGEST_NAME or not DNS_NAME.fullmatch(name):
        yield (
            f"The client name {told} cannot be used: it must have 1 to {LONGEST_NAME} letters, digits, dots and "
            f"dashes, and begin and end with a letter or digit{_OF_A_USER if re.search(_OTHERS, name) else ''}; "
            f"give this client another name, for example {suggestion(name)}."
        )
    if times > 1:
        yield (
            f"The client name {told} occurs {times} times in clients (capitals do not count); "
            "every Mac needs an identity of its own, so give each client another name."
        )
    if name != known:
        yield (
            f"The client name {told} differs from the existing client {known} by capitals only; "
            f"name this client {known}, or give it another name."
        )
    for san in request.sans:
        if len(san) > LONGEST_DNS_NAME or not DNS_NAME.fullmatch(san):
            yield f"The client {name} has {quoted(san)} in sans, which is no DNS name; correct or remove it."
    if request.flaw:
        yield request.flaw
    yield from _wrong_sources(request)
    if not request.sources and request.enrolled is None:
        yield from _wrong_common_name(request)


def _wrong_common_name(request: ClientRequest) -> Iterator[str]:
    name, subject = request.name, request.subject
    if request.san_type not in SAN_TYPES:
        yield f"The client {name} has the san_type {quoted(request.san_type)}; set it to {' or '.join(SAN_TYPES)}."
    if len(subject) > LONGEST_NAME:
        yield (
            f"The common_name {quoted(subject)} of the client {name} has {len(subject)} characters, and {LONGEST_NAME} "
            "are the most that a certificate takes; give the client, or the domain, a shorter name."
        )
    elif not COMMON_NAME.fullmatch(subject):
        yield (
            f"The common_name {quoted(subject)} of the client {name} cannot be used: it must be user@domain, "
            "DOMAIN\\user or a plain name, of letters, digits, dots and dashes; correct the user or the domain."
        )
    if request.san_type == EMAIL and "@" not in subject:
        yield (
            f"The client {name} is to have an e-mail name, and its common_name {quoted(subject)} is none; give it one "
            "of the form user@domain, or set san_type to dns."
        )


def _wrong_sources(request: ClientRequest) -> Iterator[str]:
    name, supplied = request.name, bool(request.sources)
    pair = bool(request.certificate_source), bool(request.key_source)
    if pair[0] != pair[1] or (request.pkcs12_source and any(pair)):
        yield f"The client {name} needs either pkcs12_source, or certificate_source with key_source."
    if request.enrolled is not None and (supplied or request.csr is not None or request.sans):
        yield f"The client {name} has enrolled, so it gets its certificate elsewhere; leave sources, sans and csrs out."
    if supplied and request.csr is not None:
        yield f"The client {name} has both a source and a CSR; its key is in one place, so leave one out."
    if supplied and request.sans:
        yield f"The client {name} has sans, which cannot be added to a supplied certificate; remove sans."


def unknown_clients(names: Iterable[str], hosts: Mapping[str, str], common_names: Mapping[str, str]) -> str:
    """Which of `names` are no clients, each with the names that come nearest; empty when all are known.

    `hosts` are the known clients, each with the Mac on which its profile was seen last, or an empty text;
    `common_names` are the clients by what stands in their certificates, where that is another name.
    """
    unknown = sorted(set(names) - set(hosts))
    told = [f"no client {quoted(name)} ({_nearest(name, hosts, common_names)})" for name in unknown[:MOST_TOLD]]
    more = [f"none of {len(unknown) - MOST_TOLD} others"] if len(unknown) > MOST_TOLD else []
    return ", ".join(told + more)


def _nearest(name: str, hosts: Mapping[str, str], common_names: Mapping[str, str]) -> str:
    if re.fullmatch("[0-9A-F]{20,}", bare(name)):
        return "if it is to be a thumbprint, SHA-1 has 40 hex digits"
    if name in common_names:
        return f"that is the common name of {common_names[name]}"
    called = {host.lower(): f"{client} on {host}" for client, host in hosts.items() if host}
    called |= {client.lower(): client for client in hosts}
    asked = name.strip().lower()[:LONGEST_DNS_NAME]
    alike = difflib.get_close_matches(asked, called, n=MOST_TOLD)
    parts = sorted(text for text in called if min(len(asked), len(text)) > 2 and (asked in text or text in asked))
    near = list(dict.fromkeys(called[text] for text in (*alike, *parts)))[:MOST_TOLD]
    return f"the nearest known are {', '.join(near)}" if near else "no known name is like it"


def suggestion(name: str) -> str:
    """A usable name that resembles this one."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    labels = (re.sub("[^A-Za-z0-9]+", "-", label).strip("-") for label in plain.split("."))
    return ".".join(label for label in labels if label)[:LONGEST_NAME].strip(".-") or "mac-01"
