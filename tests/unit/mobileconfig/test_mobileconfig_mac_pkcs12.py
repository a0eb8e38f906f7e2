# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our reader of the form that every Mac reads, against cryptography's reader and openssl's writer."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.der import elements, encode
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.mac_pkcs12 import read
from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import PASSWORD, Pki, key_pem, pem

MACS = ["-legacy", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"]


def test_it_reads_what_cryptography_reads(pki: Pki, client_pkcs12: bytes) -> None:
    found = read(client_pkcs12, PASSWORD)
    bundle = pkcs12.load_pkcs12(client_pkcs12, PASSWORD.encode())
    assert found is not None
    assert bundle.cert is not None
    assert found[1] == [bundle.cert.certificate]
    assert key_pem(found[0]) == key_pem(bundle.key) == key_pem(pki.leaf_key)


@pytest.mark.parametrize("password", ["x", "a" * 31, "b" * 32, "c" * 100, "with 'quotes' and \\"])
def test_what_openssl_writes(pki: Pki, openssl: Callable[..., str], tmp_path: Path, password: str) -> None:
    """The password's length matters, since the key derivation works in blocks of 64 bytes."""
    leaf = pki.client()
    (tmp_path / "all.pem").write_bytes(pem(leaf, pki.intermediate) + key_pem(pki.leaf_key))
    openssl("pkcs12", "-export", "-in", "all.pem", "-out", "a.p12", "-passout", f"pass:{password}", *MACS)
    found = read((tmp_path / "a.p12").read_bytes(), password)
    assert found is not None
    assert found[1] == [leaf, pki.intermediate]


@pytest.mark.parametrize(
    "form",
    [
        [],
        ["-legacy", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha256"],
        ["-legacy", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "AES-256-CBC", "-macalg", "sha1"],
        ["-legacy", "-keypbe", "AES-256-CBC", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"],
        ["-legacy", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "NONE", "-macalg", "sha1"],
        ["-legacy", "-keypbe", "NONE", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"],
        ["-legacy", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-nomac"],
        ["-iter", "1", *MACS],
        ["-nokeys", *MACS],
        ["-nocerts", *MACS],
    ],
)
def test_any_other_form(pki: Pki, tmp_path: Path, openssl: Callable[..., str], form: list[str]) -> None:
    (tmp_path / "all.pem").write_bytes(pem(pki.client()) + key_pem(pki.leaf_key))
    openssl("pkcs12", "-export", "-in", "all.pem", "-out", "a.p12", "-passout", f"pass:{PASSWORD}", *form)
    found = read((tmp_path / "a.p12").read_bytes(), PASSWORD)
    assert found is None or not found[1]


def test_another_hash_of_the_mac(client_pkcs12: bytes) -> None:
    sha1 = bytes.fromhex("06052b0e03021a")
    assert client_pkcs12.count(sha1) == 1
    assert read(client_pkcs12.replace(sha1, bytes.fromhex("06052b0e03021b")), PASSWORD) is None


def test_another_password(client_pkcs12: bytes) -> None:
    assert read(client_pkcs12, PASSWORD + " ") is None


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_damaged_file(client_pkcs12: bytes, data: st.DataObject) -> None:
    damaged = bytearray(client_pkcs12)
    position = data.draw(st.integers(0, len(damaged) - 1))
    damaged[position] = data.draw(st.integers(0, 255).filter(lambda value: value != client_pkcs12[position]))
    # A byte that the MAC does not cover, such as the version, may be damaged; the content may not.
    found, whole = read(bytes(damaged), PASSWORD), read(client_pkcs12, PASSWORD)
    assert found is None or (whole is not None and found[1] == whole[1])
    assert read(client_pkcs12[:position], PASSWORD) is None


@given(st.binary(max_size=60))
def test_nonsense(data: bytes) -> None:
    assert read(data, PASSWORD) is None


@given(st.lists(st.tuples(st.sampled_from([0x02, 0x04, 0x30, 0xA0]), st.binary(max_size=300)), max_size=3))
@settings(max_examples=40, deadline=None)
def test_der_there_and_back(values: list[tuple[int, bytes]]) -> None:
    found = elements(b"".join(encode(*value) for value in values))
    assert [(each.tag, each.content) for each in found] == values


def test_der_as_openssl_sees_it() -> None:
    encoded = encode(0x30, encode(0x04, b"x" * 70_000) + encode(0x02, b"\x05"))
    shown = subprocess.run(["openssl", "asn1parse", "-inform", "DER"], input=encoded, capture_output=True, check=True)
    assert b"INTEGER           :05" in shown.stdout
