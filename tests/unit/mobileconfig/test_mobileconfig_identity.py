# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client identity must be, and that what goes into a profile is what every Mac reads (openssl looks too)."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.errors import ProfileError
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.identity import load
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509.errors import X509Error
from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import DAY, PASSWORD, Pki, key_pem, pem

Openssl = Callable[..., str]


def test_a_file_that_every_mac_reads_is_taken_as_it_is(pki: Pki) -> None:
    leaf = pki.client()
    data = pki.pkcs12(leaf)
    client = load(data, PASSWORD, "x.p12")
    assert client.pkcs12 == data
    assert client.certificate.common_name == "mac-01"
    assert client.certificate.sha1 == leaf.fingerprint(SHA1()).hex().upper()
    assert client.certificate.sha256 == leaf.fingerprint(SHA256()).hex().upper()
    assert client.certificate.not_after == leaf.not_valid_after_utc
    assert client.certificate.names == ("mac-01",)
    assert client.intermediates == ()


@pytest.mark.parametrize(
    ("legacy", "with_cas"), [(True, True), (False, True), (False, False)], ids=["3DES and CAs", "AES and CAs", "AES"]
)
def test_anything_else_is_packed_again_for_every_mac(
    pki: Pki, openssl: Openssl, tmp_path: Path, legacy: bool, with_cas: bool
) -> None:
    leaf = pki.client(issuer="Client Issuing CA")
    data = pki.pkcs12(leaf, cas=[pki.intermediate, pki.root] if with_cas else [], legacy=legacy)
    client = load(data, PASSWORD, "x.p12")
    (tmp_path / "packed.p12").write_bytes(client.pkcs12)
    shown = openssl("pkcs12", "-legacy", "-in", "packed.p12", "-passin", f"pass:{PASSWORD}", "-info", "-noenc")
    assert shown.count("BEGIN CERTIFICATE") == 1
    assert shown.count("BEGIN PRIVATE KEY") == 1
    assert f"friendlyName: mac-01 {client.certificate.serial}" in shown
    # Only the names of the certificates of the chain decide: the intermediate is needed, the root is not.
    assert [ca.common_name for ca in client.intermediates] == (["Client Issuing CA"] if with_cas else [])
    # OpenSSL says on stderr how a file is encrypted; cryptography's own reader is the second witness.
    assert bytes.fromhex("06092a864886f70d01050d") not in client.pkcs12
    assert bytes.fromhex("060a2a864886f70d010c0103") in client.pkcs12, "pbeWithSHAAnd3-KeyTripleDES-CBC"
    repacked = pkcs12.load_pkcs12(client.pkcs12, PASSWORD.encode())
    assert repacked.cert is not None
    assert repacked.cert.certificate == leaf
    assert load(client.pkcs12, PASSWORD, "x.p12").pkcs12 == client.pkcs12


def test_the_packing_of_the_last_time_is_used_again(pki: Pki) -> None:
    leaf = pki.client()
    data = pki.pkcs12(leaf, legacy=False)
    first = load(data, PASSWORD, "x.p12")
    assert load(data, PASSWORD, "x.p12").pkcs12 != first.pkcs12, "packing is salted"
    assert load(data, PASSWORD, "x.p12", previous=first.pkcs12).pkcs12 == first.pkcs12


@pytest.mark.parametrize("kind", ["another certificate", "another password", "unfit itself", "nonsense"])
def test_no_other_packing_is_used(pki: Pki, kind: str) -> None:
    leaf = pki.client()
    data = pki.pkcs12(leaf, legacy=False)
    previous = {
        "another certificate": pki.pkcs12(pki.client()),
        "another password": pki.pkcs12(leaf, password="other"),
        "unfit itself": pki.pkcs12(leaf, legacy=False),
        "nonsense": b"nonsense",
    }[kind]
    packed = load(data, PASSWORD, "x.p12", previous=previous).pkcs12
    assert packed not in (previous, data)
    assert load(packed, PASSWORD, "x.p12").pkcs12 == packed


def test_a_microsoft_like_file_with_its_root_inside(pki: Pki) -> None:
    client = load(pki.pkcs12(pki.client(), cas=[pki.root]), PASSWORD, "x.p12")
    assert client.intermediates == ()


def test_faulty_identities(pki: Pki) -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    curve = ec.generate_private_key(ec.SECP256R1())
    cases = {
        "expired": pki.pkcs12(pki.client(end=-timedelta(seconds=5))),
        "clientAuth": pki.pkcs12(pki.client(clients=False, servers=True)),
        "digitalSignature": pki.pkcs12(pki.client(signs=False)),
        "that of a CA": pki.pkcs12(pki.client(ca=True)),
        "not RSA": pki.pkcs12(pki.client(key=curve), key=curve),
        "1024 bits": pki.pkcs12(pki.client(key=small), key=small),
        "more than one client certificate": pki.pkcs12(pki.client(), cas=[pki.client("mac-02")]),
        "private key together": pki.pkcs12(None, cas=[pki.root]),
        "cannot be opened": b"\x30\x03\x02\x01\x03",
    }
    for named, data in cases.items():
        with pytest.raises(UserVpnError, match=named) as caught:
            load(data, PASSWORD, "x.p12")
        assert "x.p12" in str(caught.value)


def test_a_certificate_alone(pki: Pki, openssl: Openssl, tmp_path: Path) -> None:
    (tmp_path / "leaf.pem").write_bytes(pki.client().public_bytes(Encoding.PEM))
    openssl("pkcs12", "-export", "-nokeys", "-in", "leaf.pem", "-out", "leaf.p12", "-passout", f"pass:{PASSWORD}")
    with pytest.raises(X509Error, match="private key together"):
        load((tmp_path / "leaf.p12").read_bytes(), PASSWORD, "x.p12")


def test_what_openssl_writes_for_macs_is_taken_as_it_is(pki: Pki, openssl: Openssl, tmp_path: Path) -> None:
    (tmp_path / "all.pem").write_bytes(pem(pki.client()) + key_pem(pki.leaf_key))
    forms = ["-legacy", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"]
    openssl("pkcs12", "-export", "-in", "all.pem", "-out", "a.p12", "-passout", f"pass:{PASSWORD}", *forms)
    data = (tmp_path / "a.p12").read_bytes()
    assert load(data, PASSWORD, "a.p12").pkcs12 == data


@pytest.mark.parametrize("password", ["", "gr\u00fcn", "line\nbreak", "tab\t"])
def test_passwords_that_macs_do_not_agree_on(client_pkcs12: bytes, password: str) -> None:
    with pytest.raises(X509Error, match=r"PKCS#12 password .*the password of x\.p12"):
        load(client_pkcs12, password, "x.p12")


def test_a_wrong_password_is_named_without_being_shown(client_pkcs12: bytes) -> None:
    with pytest.raises(X509Error, match=r"the password of x\.p12 is wrong") as caught:
        load(client_pkcs12, "wrong-secret", "x.p12")
    assert "wrong-secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_secrets_stay_out_of_a_representation(client_pkcs12: bytes) -> None:
    shown = repr(load(client_pkcs12, PASSWORD, "x.p12"))
    assert PASSWORD not in shown
    assert "pkcs12" not in shown


def test_the_local_identifier(pki: Pki) -> None:
    leaf = pki.client(
        "mac-01",
        sans=["alias.example.com", "mac-01"],
        other_names=[x509.RFC822Name("user@example.com"), x509.IPAddress(ipaddress.ip_address("10.9.8.7"))],
    )
    client = load(pki.pkcs12(leaf), PASSWORD, "x.p12")
    assert client.local_identifier(None) == "mac-01"
    for wish in ("alias.example.com", "user@example.com", "10.9.8.7"):
        assert client.local_identifier(wish) == wish
    with pytest.raises(ProfileError, match="no subject alternative name"):
        client.local_identifier("mac-02")


@pytest.mark.parametrize(
    ("common_name", "sans", "others", "expected"),
    [
        ("mac-01", ["other"], [], "other"),
        ("mac-01@red.example.com", ["mac-01"], [], "mac-01"),
        ("mac-01@red.example.com", ["alias", "mac-01"], [], "mac-01"),
        ("RED\\mac-01", ["alias", "mac-01"], [], "mac-01"),
        ("Anna Example", ["alias"], ["anna@example.com"], "alias"),
        ("Anna Example", [], ["anna@example.com"], "anna@example.com"),
        ("anna@example.com", ["mac-01"], ["anna@example.com"], "anna@example.com"),
        ("192.0.2.17", [], ["192.0.2.17"], "192.0.2.17"),
        ("192.0.2.17", ["192.0.2.17", "mac-17"], [], "mac-17"),
        ("192.0.2.17@red.example.com", [], ["192.0.2.17"], "192.0.2.17"),
        ("2001:DB8::17", [], ["2001:db8::17"], "2001:db8::17"),
        ("mac_01", ["mac_01", "mac-01"], [], "mac-01"),
    ],
)
def test_a_common_name_that_is_not_what_the_mac_sends(
    pki: Pki, common_name: str, sans: list[str], others: list[str], expected: str
) -> None:
    leaf = pki.client(common_name, sans=sans, other_names=[_name(name) for name in others])
    assert load(pki.pkcs12(leaf), PASSWORD, "x.p12").local_identifier(None) == expected


def _name(text: str) -> x509.GeneralName:
    return x509.RFC822Name(text) if "@" in text else x509.IPAddress(ipaddress.ip_address(text))


@pytest.mark.parametrize("name", ["192.0.2.17", "2001:db8::17", "anna@example.com"])
def test_a_name_of_a_kind_that_the_mac_does_not_send_it_as(pki: Pki, name: str) -> None:
    """An address goes out as an address: the DNS name of the same letters is not found (seen with strongSwan)."""
    client = load(pki.pkcs12(pki.client(name, sans=[name])), PASSWORD, "x.p12")
    kind = "e-mail" if "@" in name else "IP"
    for wish in (None, name):
        with pytest.raises(ProfileError, match=rf"of the kind DNS.*of the kind {kind}.*as {kind} name") as caught:
            client.local_identifier(wish)
        assert "set local_identifier" not in str(caught.value)  # there is no other one
    assert any("no alternative name by which a Mac" in warning for warning in client.warnings)


def test_an_address_is_found_however_it_is_written(pki: Pki) -> None:
    leaf = pki.client("mac-01", other_names=[_name("2001:db8::17")])
    assert load(pki.pkcs12(leaf), PASSWORD, "x.p12").local_identifier("2001:0DB8:0::17") == "2001:db8::17"


def test_a_certificate_without_alternative_names_has_its_common_name_and_a_warning(pki: Pki) -> None:
    client = load(pki.pkcs12(pki.client("mac-01", sans=[])), PASSWORD, "x.p12")
    assert client.local_identifier(None) == "mac-01"
    assert "no alternative name" in client.warnings[0]
    with pytest.raises(ProfileError, match="it has: mac-01"):
        client.local_identifier("mac-02")


def test_a_common_name_as_enterprise_cas_make_it(pki: Pki) -> None:
    leaf = pki.client("anna@example.com", sans=[], other_names=[x509.RFC822Name("anna@example.com")])
    assert load(pki.pkcs12(leaf), PASSWORD, "x.p12").local_identifier(None) == "anna@example.com"


def test_only_the_path_of_the_client_goes_along(pki: Pki) -> None:
    leaf = pki.client(issuer="Client Issuing CA")
    other = pki.ca("Another Issuing CA", issuer="Client Root")
    client = load(pki.pkcs12(leaf, cas=[other, pki.root, pki.intermediate]), PASSWORD, "x.p12")
    assert [ca.common_name for ca in client.intermediates] == ["Client Issuing CA"]


def test_a_common_name_of_odd_characters(pki: Pki) -> None:
    client = load(pki.pkcs12(pki.client("mac_01")), PASSWORD, "x.p12")
    with pytest.raises(ProfileError, match="letters, digits, dots and dashes"):
        client.local_identifier(None)


def test_a_key_that_is_not_the_certificates(pki: Pki) -> None:
    with pytest.raises(X509Error, match="private key together"):
        load(pki.pkcs12(None, key=pki.other_key, cas=[pki.client()]), PASSWORD, "x.p12")


def test_a_certificate_that_is_not_valid_yet_is_loaded(pki: Pki) -> None:
    client = load(pki.pkcs12(pki.client(start=3 * DAY)), PASSWORD, "x.p12")
    assert "not valid before" in client.warnings[0]


def test_without_the_package_cryptography() -> None:
    """Everything can be imported (ansible-test does), and using it says what is missing."""
    program = """
import sys
sys.modules["cryptography"] = None
from ansible_collections.vwan.user_vpn.plugins.action import mobileconfig
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig import identity, signing
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509.errors import X509Error
for use in (lambda: identity.load(b"", "x", "x.p12"), lambda: signing.load_signer(b"", b"", None)):
    try:
        use()
    except X509Error as error:
        assert "pip install 'cryptography" in str(error)
    else:
        raise AssertionError
"""
    subprocess.run([sys.executable, "-c", program], check=True)
