# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed profiles: openssl verifies them, and what comes back is what went in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.signed import read_signed
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.signing import (
    bytes_to_write,
    load_signer,
    sign,
)
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.stored import Stored
from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import Pki, key_pem, pem

CONTENT = b'<?xml version="1.0"?>\n<plist>\n\ttwo\r\nkinds of line ends\n</plist>\n'


@pytest.fixture(scope="module")
def certificate(pki: Pki) -> x509.Certificate:
    return pki.certificate("Example Signing", issuer="Client Issuing CA", sans=["signing.example.com"])


@pytest.mark.parametrize("passphrase", [None, "sesame"])
def test_openssl_verifies(
    pki: Pki, certificate: x509.Certificate, openssl: Callable[..., str], tmp_path: Path, passphrase: str | None
) -> None:
    key = key_pem(pki.leaf_key, passphrase.encode() if passphrase else None)
    signed = sign(CONTENT, load_signer(pem(certificate), key, passphrase, pem(pki.intermediate)))
    (tmp_path / "signed").write_bytes(signed)
    (tmp_path / "root.pem").write_bytes(pem(pki.root))
    arguments = ["-verify", "-inform", "DER", "-in", "signed", "-CAfile", "root.pem", "-purpose", "any", "-binary"]
    openssl("cms", *arguments, "-out", "content")
    assert (tmp_path / "content").read_bytes() == CONTENT
    found = read_signed(signed)
    assert found is not None
    assert found.content == CONTENT
    assert found.certificates == {each.public_bytes(Encoding.DER) for each in (certificate, pki.intermediate)}


def test_what_openssl_signs_is_read_too(
    pki: Pki, certificate: x509.Certificate, openssl: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "certificate.pem").write_bytes(pem(certificate))
    (tmp_path / "key.pem").write_bytes(key_pem(pki.leaf_key))
    (tmp_path / "content").write_bytes(CONTENT)
    arguments = ["-sign", "-binary", "-nodetach", "-outform", "DER", "-signer", "certificate.pem", "-inkey", "key.pem"]
    openssl("smime", *arguments, "-in", "content", "-out", "signed")
    found = read_signed((tmp_path / "signed").read_bytes())
    assert found is not None
    assert found.content == CONTENT
    assert found.certificates == {certificate.public_bytes(Encoding.DER)}


def test_an_unchanged_profile_is_not_signed_anew(pki: Pki, certificate: x509.Certificate) -> None:
    signer = load_signer(pem(certificate), key_pem(pki.leaf_key), None)
    first = Stored.of(bytes_to_write(CONTENT, signer, None))
    assert bytes_to_write(CONTENT, signer, first) == first.raw
    changed = Stored.of(bytes_to_write(CONTENT + b"\n", signer, first))
    assert changed.content == CONTENT + b"\n"
    with_chain = load_signer(pem(certificate), key_pem(pki.leaf_key), None, pem(pki.intermediate))
    assert Stored.of(bytes_to_write(CONTENT, with_chain, first)).signers == with_chain.certificates
    renewed = load_signer(pem(pki.certificate("Example Signing")), key_pem(pki.leaf_key), None)
    assert Stored.of(bytes_to_write(CONTENT, renewed, first)).signers == renewed.certificates
    assert bytes_to_write(CONTENT, None, first) == CONTENT


def test_an_ec_key_signs_too(pki: Pki) -> None:
    certificate = pki.certificate("Example Signing", key=pki.ca_key)
    found = read_signed(sign(CONTENT, load_signer(pem(certificate), key_pem(pki.ca_key), None)))
    assert found is not None
    assert found.content == CONTENT


def test_a_signer_that_cannot_sign(pki: Pki, certificate: x509.Certificate) -> None:
    good, key = pem(certificate), key_pem(pki.leaf_key)
    edwards = key_pem(ed25519.Ed25519PrivateKey.generate())
    cases = [
        ("sign_with.certificate", (b"", key, None)),
        ("sign_with.certificate", (good + pem(pki.intermediate), key, None)),
        ("The key sign_with.key", (good, b"", None)),
        ("The key sign_with.key", (good, key_pem(pki.leaf_key, b"secret-1"), "secret-2")),
        ("The key sign_with.key", (good, key_pem(pki.leaf_key, b"secret-1"), None)),
        ("The key sign_with.key", (good, key, "secret-2")),
        ("does not belong", (good, key_pem(pki.other_key), None)),
        ("RSA or an EC", (good, edwards, None)),
        ("sign_with.chain", (good, key, None, b"x")),
    ]
    for named, arguments in cases:
        with pytest.raises(UserVpnError, match=named) as caught:
            load_signer(*arguments)
        assert "secret" not in str(caught.value)


def test_an_expired_signer_is_said(pki: Pki) -> None:
    certificate = pki.certificate("Example Signing", end=-timedelta(seconds=5))
    assert "has expired" in load_signer(pem(certificate), key_pem(pki.leaf_key), None).warnings[0]


@given(data=st.binary(max_size=40) | st.binary(max_size=40).map(lambda tail: b"\x30\x82\x00\x20" + tail))
@settings(max_examples=60, deadline=None)
def test_anything_else_is_not_signed(data: bytes) -> None:
    assert read_signed(data) is None


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_file_upsets_nothing(data: st.DataObject) -> None:
    signed = bytearray(SIGNED)
    for _unused in range(data.draw(st.integers(1, 3))):
        signed[data.draw(st.integers(0, len(signed) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(signed)))
    for each in (bytes(signed), bytes(signed[:cut])):
        assert Stored.of(each).document is None


SIGNED = b""


@pytest.fixture(scope="module", autouse=True)
def _signed(pki: Pki, certificate: x509.Certificate) -> None:
    global SIGNED  # noqa: PLW0603 - hypothesis and fixtures do not mix
    SIGNED = sign(b"no plist", load_signer(pem(certificate), key_pem(pki.leaf_key), None))
