# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As much as each parser takes, in the forms that make the most work and memory: ten seconds and 200 MB are enough.

`make test` tries one form of each, `make soak` all.
"""

from __future__ import annotations

import base64
import ctypes
import functools
import gc
import json
import os
import plistlib
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.client import ANSWER_LIMIT, VALUES_LIMIT
from ansible_collections.vwan.user_vpn.plugins.module_utils._documents import MOST_VALUES
from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac import answer
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig import manifest, stored
from ansible_collections.vwan.user_vpn.plugins.module_utils._package.archive import PACKAGE_LIMIT, ROOT_LIMIT
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509 import bounds
from ansible_collections.vwan.user_vpn.tests.lab.packages import gateway_root, settings_xml, zip_like_azure
from ansible_collections.vwan.user_vpn.tests.unit.fuzz.parsers import (
    HEAD,
    IDENTIFIER,
    MARK,
    MDM_PROFILE,
    NANOMDM,
    PARSERS,
)
from ansible_collections.vwan.user_vpn.tests.unit.fuzz.test_fuzz import SOAK, bounded

EMOJI = "\U0001f600".encode()  # makes every character of a Python text take four bytes
MEGABYTE = 1 << 20


def packed(inner: bytes = b"", **members: bytes) -> bytes:
    xml = settings_xml([gateway_root().der]).replace(b"</VpnProfile>", inner + b"</VpnProfile>")
    return zip_like_azure(
        {"Generic\\VpnSettings.xml": xml} | {f"Generic\\{name}": content for name, content in members.items()}
    )


def packages() -> Mapping[str, bytes]:
    der = gateway_root().der
    certificate = base64.b64encode(der).decode()
    return {
        "many roots": packed(
            f"<CaCerts>{f'<string>{certificate}</string>' * 98}</CaCerts>".encode(),
            **{f"VpnServerRoot.cer_{number}": gateway_root().pem for number in range(100)},
        ),
        "a long text": packed(b"<a>" + EMOJI * (MEGABYTE // 4 - 2000) + b"</a>"),
        "many elements": packed(b"".join(b"<a%d>%s</a%d>" % (number, b"x" * 400, number) for number in range(1900))),
        "many names": packed(b"<ServerCertsRootCn>" + b"<string>a</string>" * 1900 + b"</ServerCertsRootCn>"),
        "many routes": packed(b"<Routes>%s</Routes>" % b",".join(b"%d" % number for number in range(4900))),
        "large roots": packed(**{f"VpnServerRoot.cer_{n}": der + bytes(ROOT_LIMIT - len(der)) for n in range(100)}),
        "many members": packed(**{f"{number}": b"" for number in range(990)}),
        "a large member": packed(a=os.urandom(PACKAGE_LIMIT - MEGABYTE)),
        "no directory": b"PK" + bytes(PACKAGE_LIMIT - 2),
    }


def profiles() -> Mapping[str, bytes]:
    def of(*content: Any) -> bytes:
        names = {"PayloadType": "Configuration", "PayloadIdentifier": IDENTIFIER, "PayloadUUID": "A"}
        return plistlib.dumps({**names, "PayloadContent": list(content)})[: stored.SIZE_LIMIT]

    return {
        "dictionaries": b"<plist><array>" + b"<dict/>" * (2 * MOST_VALUES - 10) + b"</array></plist>",
        "keys": of({f"{number}": 1 for number in range(40_000)}),
        "a long text": of("x" * (stored.SIZE_LIMIT - 2000) + "\U0001f600"),
        "a large identity": of({"PayloadType": "com.apple.security.pkcs12", "PayloadContent": b"\x30\x00" * 2_900_000}),
        "signed, wide": b"\x30\x84\x00\x79\xff\xf9" + b"\x30\x00" * 3_990_000,
        "signed, deep": b"\x30\x80" * 3_990_000,
    }


def manifests() -> Mapping[str, bytes]:
    def of(inner: bytes) -> bytes:
        whole = b'{"version": 1, "profiles": {%s}}' % inner
        assert len(whole) < manifest.SIZE_LIMIT
        return whole

    return {
        "texts": of(b'"a": {%s}' % b",".join(b'"%d": "%s"' % (number, EMOJI) for number in range(MOST_VALUES - 10))),
        "a long text": of(b'"%s": {"a": "%s"}' % (EMOJI, b"x" * (manifest.SIZE_LIMIT - 100))),
        "entries": of(b",".join(b'"%d": {}' % number for number in range(MOST_VALUES // 2 - 10))),
    }


def certificates() -> Mapping[str, bytes]:
    pem, der = gateway_root().pem, gateway_root().der
    return {
        "as many as may be": pem * bounds.CERTIFICATES,
        "many": pem * (bounds.FILE // len(pem)),
        "wide": b"\x30\x84\x00\x0f\xff\xf0" + b"\x30\x00" * 524_000,
        "side by side": b"\x30\x00" * (bounds.FILE // 2),
        "deep": b"\x30\x80" * (bounds.FILE // 2),
        "large": base64.b64encode(der + bytes(700_000)),
        "blocks": b"-----BEGIN A-----\n-----END A-----\n" * 30_000,
        "beginnings": b"-----BEGIN CERTIFICATE-----" * 38_000,
        "text": EMOJI * (bounds.FILE // 4),
    }


def identities() -> Mapping[str, bytes]:
    return {
        "side by side": b"\x30\x00" * (bounds.SECRET_FILE // 2),
        "deep": b"\x30\x80" * (bounds.SECRET_FILE // 2),
        "pieces": b"\x24\x83\x01\xff\xf0" + b"\x24\x00" * 65_528,
        "deep pieces": b"\x24\x80" * (bounds.SECRET_FILE // 2),
    }


def configurations() -> Mapping[str, bytes]:
    head, _empty, body = next(iter(PARSERS["vpn server configuration"].samples())).partition(b"\n\n")
    data = base64.b64encode(gateway_root().der).decode()

    def of(**changed: Any) -> bytes:
        document = json.loads(body)
        document["properties"] |= changed
        whole = json.dumps(document).encode()
        assert len(whole) < ANSWER_LIMIT
        return head + b"\n\n" + whole

    return {
        "roots": of(vpnClientRootCertificates=[{"name": "a", "publicCertData": data}] * 3000),
        "refused": of(vpnClientRevokedCertificates=[{"name": f"{n}", "thumbprint": f"{n:040}"} for n in range(40_000)]),
        "values": of(x=[{}] * (VALUES_LIMIT - 1000)),
    }


def operations() -> Mapping[str, bytes]:
    def of(**error: Any) -> bytes:
        return b"400\n\n" + json.dumps({"error": error}).encode()

    return {
        "addresses": of(code="a", message="https://" * 500_000),
        "tokens": of(code="a", message="eyJ-" * 1_000_000),
        "signatures": of(code="a", message="sig= " * 800_000),
        "details": of(code="a", message="m", details=[{"message": f"m{number}"} for number in range(60_000)]),
        "a code": of(code="a" * 4_000_000),
    }


def sdk_errors() -> Mapping[str, bytes]:
    pieces = (b"https://", b"AADSTS", b"AADSTS1", b"host='", b"\r", b"connect to proxy ")
    return {piece.decode(): piece * (4 * MEGABYTE // len(piece)) for piece in pieces}


def downloads() -> Mapping[str, bytes]:
    return {"codes": b"200\n\n" + b"<Code>" * 700_000, "a package": b"200\n\n" + bytes(PACKAGE_LIMIT + 1)}


def _between(name: str, line: bytes) -> bytes:
    """A sample of the answer of a Mac, with this line again and again, as long as an answer may be."""
    sample, end = next(iter(PARSERS[name].samples())), b"end " + MARK.encode()
    times = (answer.ANSWER_LIMIT - len(sample) - 100) // (len(line.decode()) + 1)
    return sample.replace(end, (line + b"\n") * times + end)


def answers() -> Mapping[str, bytes]:
    lines = {
        "empty": b"", "no key": b"x", "certificates": b"certificate=" + b"AB" * 20, "request": b"csr=" + b"A" * 64,
        "profiles": b"profile=_computerlevel\tA\tb\tc" + b"\tn\t1" * 5000, "tunnels": b"tunnel=ipsec0\t1.2.3.4",
        "entities": b"profile=_computerlevel\tA\tb\tc\t" + b"&#38;" * 100_000, "message": b"message=" + EMOJI * 100_000,
        "named": b"named=" + b"A" * 65_536, "enrollment": b"enrollment=a: b",
    }  # fmt: skip
    return {name: _between("answer of a mac", line) for name, line in lines.items()}


def evidence() -> Mapping[str, bytes]:
    pieces = (
        b".vpn.azure.com", b"a.b.c.", b"a", b"1.", b"a:", b"/Users/", b"password ", b"-----BEGIN ", b"<data>", b"a@",
        b"a-", b"https://", b"=-_", b"0:", b"password:", b"<key>password</key>",
    )  # fmt: skip
    names = b"".join(b"hide=name%d\n" % number for number in range(990))
    found = {"blocks": f"begin {MARK}\n".encode() + names + b"? a\n| b\n" * 24_000 + f"end {MARK}\n".encode()}
    for piece in pieces:
        found[f"lines: {piece.decode()}"] = _between("evidence of a mac", b"| " + piece * (1900 // len(piece)))
        found[f"long: {piece.decode()}"] = _between("evidence of a mac", b"| " + piece * (3 * MEGABYTE // len(piece)))
    return found


WORST: dict[str, Callable[[], Mapping[str, bytes]]] = {
    "profile package": packages,
    "profile": profiles,
    "manifest of an export": manifests,
    "certificate": certificates,
    "private key": identities,
    "pkcs12 identity": identities,
    "vpn server configuration": configurations,
    "gateway and its health": lambda: {
        "values": HEAD + b'\n\n{"value": [' + b"{}," * (VALUES_LIMIT // 2 - 10) + b"{}]}"
    },
    "sessions of a gateway": lambda: {
        "values": b"[" + b"{}," * (MOST_VALUES // 2 - 10) + b"{}]",
        "many texts": b"{}\n" * (MOST_VALUES - 10),
        "a long text": b'[{"UserNameVpnConnectionHealths": "%s"}]' % (b"x" * (8 * MEGABYTE)),
    },
    "long running operation": operations,
    "error of the sdk": sdk_errors,
    "answer of blob storage": downloads,
    "profile of the azure cli": lambda: {
        "values": b'{"subscriptions": [' + b"{}," * (MOST_VALUES // 2 - 10) + b"{}]}",
        "a long text": b'{"subscriptions": [{"id": "%s%s"}]}' % (EMOJI, b"x" * (4 * MEGABYTE - 100)),
    },
    "answer of a mac": answers,
    "address pools": lambda: {piece.decode(): piece * MEGABYTE for piece in (b",", b"1", b"1:")},
    "evidence of a mac": evidence,
    "answer of jamf pro": lambda: {
        "values": b'/commands\0{"totalCount": 9, "results": [' + b"{}," * (MOST_VALUES // 2 - 10) + b"{}]}",
        "elements": b"profiles\0<os_x_configuration_profiles>%s</os_x_configuration_profiles>" % (b"<a/>" * 299_000),
        "a long text": b"profiles/id/\0" + MDM_PROFILE.replace(b"A-1", b"Version A" * 500_000),
        "a page": b"page\0" + b"<p>Error: " * 400_000,
    },
    "answer of fleet": lambda: {
        "values": b'/hosts?\0{"hosts": [' + b"{}," * (MOST_VALUES // 2 - 10) + b"{}]}",
        "a long text": b'error\0{"errors": [{"reason": "%s"}]}' % (b"x" * (8 * MEGABYTE)),
        "a profile": b"alt=media\0<plist version='1.0'><array>" + b"<true/>" * 300_000 + b"</array></plist>",
    },
    "what is known of nanomdm": lambda: {
        "commands": b"results\0"
        + b"\n".join(NANOMDM["results"].replace(b"-1-", b"-%d-" % n) for n in range(9, 20_000)),
        "a long line": b"results\0" + b"user-vpn-" * (3 * MEGABYTE),
        "values": b'answer\0{"status": {' + b'"a":{},' * (MOST_VALUES // 2 - 10) + b'"b": {}}}',
    },
    "answer of microsoft graph": lambda: {
        "values": b'/deviceStatuses\0{"value": [' + b"{}," * (MOST_VALUES // 2 - 10) + b"{}]}",
        "a long text": b'error\0{"error": {"message": "%s"}}' % (b"x" * (8 * MEGABYTE)),
    },
}


@functools.cache
def _trim() -> Callable[[int], object]:
    """Hands free memory back to the system, so that what is taken next is seen; nothing where that is not glibc."""
    with suppress(OSError, AttributeError):
        return ctypes.CDLL(None).malloc_trim
    return lambda _pad: None


@pytest.mark.parametrize("name", WORST)
def test_as_much_as_is_taken(name: str) -> None:
    cases = WORST[name]().items()
    for what, content in cases if SOAK else list(cases)[:1]:
        gc.collect()
        _trim()(0)
        try:
            with warnings.catch_warnings(action="ignore"), bounded(), suppress(UserVpnError):
                PARSERS[name].parse(content)
        except BaseException as error:
            error.add_note(f"while reading {what}")
            raise
