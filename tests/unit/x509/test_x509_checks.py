# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused of a root, of its chain and of a client; and that nothing else is."""

from __future__ import annotations

import base64
import contextlib
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._x509 import checks, pkcs12
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509.certificates import (
    Certificate,
    ends,
    find_one,
    read_one,
)
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509.errors import X509Error
from ansible_collections.vwan.user_vpn.tests.lab.recipes import AZURES_OWN_ROOT, PASSWORD, RECIPES, Made, make
from ansible_collections.vwan.user_vpn.tests.unit.x509.x509_tools import authority, certificate, openssl

NOW = datetime.now(UTC)
CA = "basicConstraints=critical,CA:TRUE"
CLIENT = "extendedKeyUsage=clientAuth\nsubjectAltName=DNS:mac-01"


def made(extensions: str = CA, **how: object) -> Certificate:
    return read_one(certificate(extensions, **how), "made")  # type: ignore[arg-type]


# --- the recipes -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=RECIPES)
def recipe(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(RECIPES[request.param], tmp_path_factory.mktemp("recipe"))


def test_each_recipe_of_microsoft_is_taken(recipe: Made) -> None:
    root = read_one(recipe.root.read_bytes(), "root")
    assert checks.check_root(root, "root", NOW) == ()
    chain = [read_one(recipe.chain.read_bytes(), "chain")] if recipe.chain else []
    checks.check_chain(root, chain, NOW)
    opened = pkcs12.read(recipe.pfx.read_bytes(), PASSWORD, "client.pfx", "password")
    assert opened.certificate.common_names == (recipe.recipe.name,)
    checks.check_issued(opened.certificate, [*chain, root])
    assert checks.path(opened.certificate, opened.others, "client.pfx") == [*chain, root]
    doubts = checks.check_client(opened.certificate, "client.pfx", NOW)
    assert ["no alternative name" in doubt for doubt in doubts] == [True] * (not recipe.recipe.tunnel)


def test_the_root_of_azures_own_examples() -> None:
    """Made by New-SelfSignedCertificate. Whoever published it has altered its signature, and that alone is said."""
    root = read_one(AZURES_OWN_ROOT.encode(), "here")
    shown = openssl("x509 -noout -text", root.pem.encode()).decode()
    assert "Certificate Sign" in shown and "Basic Constraints" not in shown
    while_it_was_valid = datetime(2018, 6, 1, tzinfo=UTC)
    for check in (checks.check_root, lambda *_: checks.check_chain(root, [], while_it_was_valid)):
        with pytest.raises(X509Error, match="its own signature is wrong"):
            check(root, "here", while_it_was_valid)
    with pytest.raises(X509Error, match="it expired on 2018-12-14T21:27:38Z"):
        checks.check_root(root, "root", NOW)
    checks.check_chain(root, [], NOW, trusted=[root.sha1])


# --- a root ------------------------------------------------------------------------------------------------------

FAULTY_ROOTS = {
    "CA:FALSE": (made("basicConstraints=CA:FALSE"), "CA:FALSE"),
    "a key usage that does not sign": (made("keyUsage=digitalSignature,cRLSign"), "does not allow signing"),
    "1024 bits": (made(kind="RSA:1024"), "1024 bits"),
    "SHA-1": (made(digest="sha1"), "not signed with SHA-256 or better"),
    "MD5": (made(digest="md5"), "not signed with SHA-256 or better"),
    "a client": (made(CLIENT, name="mac-01", issuer="someone"), "not self-signed; give the root"),
    "an extension that is none": (made(f"{CA}\n2.5.29.15=DER:04:01:01"), "an extension in it cannot be read"),
}


@pytest.mark.parametrize("fault", FAULTY_ROOTS)
def test_a_root_that_cannot_work(fault: str) -> None:
    root, words = FAULTY_ROOTS[fault]
    for check in (lambda: checks.check_root(root, "here", NOW), lambda: checks.check_chain(root, [], NOW)):
        with pytest.raises(X509Error, match=words):
            check()
    if root.self_issued:
        checks.check_chain(root, [], NOW, trusted=[root.sha1])  # what Azure trusts is not judged


@pytest.mark.parametrize("extensions", ["", "keyUsage=keyCertSign", "extendedKeyUsage=serverAuth", f"{CA},pathlen:0"])
def test_what_does_not_forbid_signing_is_a_root(extensions: str) -> None:
    root = made(extensions or "subjectKeyIdentifier=hash")
    assert checks.check_root(root, "here", NOW) == ()
    checks.check_chain(root, [], NOW)


def test_times() -> None:
    root = made()
    for now, words in ((root.not_after, "it expired on"), (root.not_before - timedelta(hours=2), "not valid before")):
        with pytest.raises(X509Error, match=words):
            checks.check_root(root, "here", now)
    checks.check_root(root, "here", root.not_before - timedelta(minutes=59))
    checks.check_root(root, "here", root.not_after - timedelta(seconds=1))


def test_doubts() -> None:
    (doubt,) = checks.check_root(made(name="issuing", issuer="top"), "here", NOW)
    assert "an intermediate, not a root" in doubt and "here, CN=issuing" in doubt
    with pytest.raises(X509Error, match=r"here, CN=root .* not RSA"):
        checks.check_root(made(kind="EC:P-256"), "here", NOW)


def test_a_chain() -> None:
    top, issuing = read_one(authority("top"), "top"), made(name="issuing", issuer="top")
    checks.check_chain(top, [issuing], NOW)
    for chain, words in (
        ([made(name="issuing")], "has not been signed by CN=top"),
        ([issuing, made(name="else")], "has not been signed by"),
        ([made("basicConstraints=CA:FALSE", name="issuing", issuer="top")], "CA:FALSE"),
        ([made(name="issuing", issuer="top", digest="sha1")], "SHA-256"),
        ([made(name="issuing", issuer="top", kind="EC:P-256")], "not RSA"),
    ):
        with pytest.raises(X509Error, match=words):
            checks.check_chain(top, chain, NOW)
    with pytest.raises(X509Error, match="not self-signed; give the root at the top"):
        checks.check_chain(issuing, [], NOW)
    checks.check_chain(issuing, [], NOW, trusted=[issuing.sha1])


# --- a client ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extensions", "how", "words"),
    [
        (f"{CLIENT}\nbasicConstraints=CA:TRUE", {}, "that of a CA, not of a client"),
        (f"{CLIENT}\nkeyUsage=keyEncipherment", {}, "without digitalSignature"),
        ("extendedKeyUsage=serverAuth\nsubjectAltName=DNS:mac-01", {}, "clientAuth is not among them"),
        (CLIENT, {"kind": "EC:P-256"}, "not RSA"),
        (CLIENT, {"kind": "RSA:1024"}, "1024 bits"),
        (CLIENT, {"digest": "sha1"}, "not signed with SHA-256"),
        (f"{CLIENT}\n2.5.29.15=DER:04:01:01", {}, "an extension in it cannot be read"),
    ],
)
def test_a_client_that_cannot_work(extensions: str, how: dict[str, str], words: str) -> None:
    with pytest.raises(X509Error, match=words):
        checks.check_client(made(extensions, name="mac-01", issuer="top", **how), "here", NOW)


@pytest.mark.parametrize(
    ("extensions", "doubt"),
    [
        (CLIENT, ""),
        (f"{CLIENT}\nkeyUsage=digitalSignature\nbasicConstraints=CA:FALSE", ""),
        ("subjectAltName=DNS:mac-01", ""),
        ("extendedKeyUsage=anyExtendedKeyUsage\nsubjectAltName=email:anna@example.com", "not its first"),
        ("extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=DNS:mac-01", "not its first"),
        ("extendedKeyUsage=clientAuth", "no alternative name"),
        ("extendedKeyUsage=clientAuth\nsubjectAltName=URI:x:y", "no alternative name"),
    ],
)
def test_a_client_that_may_work(extensions: str, doubt: str) -> None:
    doubts = checks.check_client(made(extensions, name="mac-01", issuer="top"), "here", NOW)
    assert [doubt in each for each in doubts] == [True] * bool(doubt)


def test_a_client_of_tomorrow_is_a_doubt_and_of_yesterday_none() -> None:
    client = made(CLIENT, name="mac-01", issuer="top")
    early = client.not_before - timedelta(days=1)
    assert "not valid before" in checks.check_client(client, "here", early)[0]
    with pytest.raises(X509Error, match="not valid before"):
        checks.check_started(client, "here", early)
    checks.check_started(client, "here", NOW)
    with pytest.raises(X509Error, match="it expired on"):
        checks.check_client(client, "here", client.not_after)


def test_the_path_of_a_client() -> None:
    top, client = read_one(authority("top"), "top"), made(CLIENT, name="mac-01", issuer="top")
    assert checks.path(client, [made(name="else"), client, top], "here") == [top]
    assert checks.path(client, [], "here") == []
    assert checks.path(top, [top], "here") == []


def test_a_path_ends_with_the_first_of_it() -> None:
    long, short = made(days=300), made(days=200)
    assert ends([long, short]) == ends([short, long]) == short.not_after < long.not_after


def test_an_issuer_that_may_not_sign() -> None:
    false = made("basicConstraints=CA:FALSE", name="issuing", kind="RSA:2048")
    assert checks.path(false, [false], "here") == []
    client = made(CLIENT, name="mac-01", issuer="top")
    with pytest.raises(X509Error, match="has not been issued by the current root"):
        checks.check_issued(client, [false])


# --- odd keys ----------------------------------------------------------------------------------------------------

DER = openssl("x509 -outform DER", certificate())
MODULUS = openssl("x509 -noout -modulus", certificate()).decode().strip().partition("=")[2]
SHOWN = bytes.fromhex("02 82 01 01 00") + bytes.fromhex(MODULUS)
ODD = {
    "Ed25519": openssl("x509 -outform DER", certificate(kind="ED25519", digest="sha256")),
    "Ed448": openssl("x509 -outform DER", certificate(kind="ED448")),
    "RSA-PSS": openssl("x509 -outform DER", certificate(kind="RSA-PSS")),
    "an unusual curve": openssl("x509 -outform DER", certificate(kind="EC:secp224k1")),
    "an exponent of 1": DER.replace(bytes.fromhex("0203010001"), bytes.fromhex("0203000001"), 1),
    "an even exponent": DER.replace(bytes.fromhex("0203010001"), bytes.fromhex("0203010000"), 1),
    "a modulus of zeros": DER.replace(SHOWN, SHOWN[:5] + bytes(256), 1),
    "an even modulus": DER.replace(SHOWN, SHOWN[:-1] + b"\2", 1),
    "a negative modulus": DER.replace(SHOWN, SHOWN[:4] + b"\x80" + SHOWN[5:], 1),
    "an unknown kind": DER.replace(bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a864886f70d01017f"), 1),
    "an unknown signature": DER.replace(bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d01017f")),
    "a negative serial number": openssl("x509 -outform DER", certificate(more="-set_serial -5")),
}


@pytest.mark.parametrize("what", ODD)
def test_odd_certificates_give_one_sentence(what: str, recwarn: pytest.WarningsRecorder) -> None:
    found = find_one(ODD[what])
    assert ODD[what] != DER
    if found is None:
        return
    assert found.label and found.pem and found.public_cert_data == base64.b64encode(ODD[what]).decode()
    assert isinstance(found.public_key_sha256, str) and isinstance(found.key_bits, int)
    for check in (
        lambda: checks.check_root(found, "here", NOW),
        lambda: checks.check_chain(found, [], NOW),
        lambda: checks.check_client(found, "here", NOW),
        lambda: checks.check_issued(found, [found]),
    ):
        try:
            check()
        except X509Error as error:
            assert "\n" not in str(error)
    assert not list(recwarn)


def test_a_serial_number_below_zero_as_makecert_may_make_it() -> None:
    found = made(more="-set_serial -5")
    assert found.serial == "-05"
    assert checks.check_root(found, "here", NOW) == ()


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(DER) - 1), st.integers(1, 255))
def test_a_changed_byte_is_no_traceback(at: int, change: int) -> None:
    found = find_one(DER[:at] + bytes([DER[at] ^ change]) + DER[at + 1 :])
    if found:
        for check in (checks.check_root, checks.check_client):
            with contextlib.suppress(X509Error):
                check(found, "here", NOW)


def test_names_are_shown_harmless() -> None:
    root = made(name="\\0A\\1B[31mred" + "x" * 40)
    assert root.label.isprintable() and len(root.label) < 200


def test_without_the_library() -> None:
    program = """
import sys
sys.modules["cryptography"] = None
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509 import certificates, csr, keys, making, pkcs12
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509.errors import X509Error
for use in (
    lambda: certificates.read(b"", "x"), lambda: certificates.from_der(b""), lambda: certificates.find_one(b""),
    lambda: csr.public_key("", "x", 2048), lambda: keys.new_key(2048), lambda: keys.load_key(b"", None, "x", "y"),
    lambda: pkcs12.read(b"", "x", "y", "z"), lambda: pkcs12.require_old_form(), lambda: pkcs12.pack(None, None, "x"),
    lambda: making.make_root(None, "x", None, 1),
    lambda: making.make_client(None, None, "x", [], now=None, not_after=None),
):
    try:
        use()
    except X509Error as error:
        assert "pip install 'cryptography>=43'" in str(error)
    else:
        raise AssertionError
"""
    subprocess.run([sys.executable, "-c", program], check=True)
