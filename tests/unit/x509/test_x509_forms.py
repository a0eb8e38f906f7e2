# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates in the forms in which people have them; and what a file is that holds none."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._x509 import bounds
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509.certificates import find_one, read, read_one
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509.errors import X509Error
from ansible_collections.vwan.user_vpn.tests.unit.x509.x509_tools import FOLDER, certificate, key, openssl

PEM = certificate()
DER = openssl("x509 -outform DER", PEM)
TEXT = PEM.decode()
WRAPPED = base64.encodebytes(DER).decode()
OTHER = certificate(name="other")

FORMS = {
    "PEM": PEM,
    "PEM without a last line end": PEM.rstrip(),
    "CRLF": TEXT.replace("\n", "\r\n").encode(),
    "CR": TEXT.replace("\n", "\r").encode(),
    "folded into one line, as YAML does": TEXT.replace("\n", " ").encode(),
    "with words around it": b"Bag Attributes\n  friendlyName: x\n" + PEM + b"\nthe end\n",
    "beside its key": key().read_bytes() + PEM,
    "as openssl trusts it": openssl("x509 -trustout -addtrust clientAuth", PEM),
    "old label": PEM.replace(b"BEGIN CERT", b"BEGIN X509 CERT").replace(b"END CERT", b"END X509 CERT"),
    "DER": DER,
    "base64": base64.b64encode(DER),
    "base64 in lines": WRAPPED.encode(),
    "base64 after a byte order mark": b"\xef\xbb\xbf" + base64.b64encode(DER),
    "base64 of PEM": base64.b64encode(PEM),
    "UTF-8 with a mark": b"\xef\xbb\xbf" + PEM,
    "UTF-16": TEXT.encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + TEXT.encode("utf-16-be"),
    "UTF-16 without a mark": TEXT.encode("utf-16-le"),
    "UTF-16 without a mark, big end first": TEXT.encode("utf-16-be"),
    "UTF-16 of base64, with CRLF": WRAPPED.replace("\n", "\r\n").encode("utf-16"),
    "twice the same": PEM + PEM,
}


def p7b(form: str, *pems: bytes) -> bytes:
    (FOLDER / "all.pem").write_bytes(b"".join(pems))
    return openssl(f"crl2pkcs7 -nocrl -certfile {FOLDER / 'all.pem'} -outform {form}")


@pytest.mark.parametrize("form", FORMS)
def test_one_certificate_in_whatever_form(form: str) -> None:
    found = read_one(FORMS[form], "here")
    assert found.der == DER
    assert found.public_cert_data == openssl("base64 -A", DER).decode()
    assert find_one(FORMS[form]) == found


@pytest.mark.parametrize("form", ["PEM", "DER"])
def test_pkcs7(form: str) -> None:
    content = p7b(form, PEM, OTHER)
    wanted = [openssl("x509 -outform DER", pem) for pem in (PEM, OTHER)]
    inside = {"as it is": content, "in base64": base64.encodebytes(content)}
    if form == "PEM":  # AD CS hands out certnew.p7b so
        inside["in the lines of a certificate"] = content.replace(b" PKCS7", b" CERTIFICATE")
        inside["in UTF-16"] = content.decode().encode("utf-16")
    for way, data in inside.items():
        assert sorted(each.der for each in read(data, "here")) == sorted(wanted), way
    with pytest.raises(X509Error, match="here holds 2 certificates; give exactly one"):
        read_one(content, "here")


def revocations(form: str) -> bytes:
    (FOLDER / "root.pem").write_bytes(PEM)
    (FOLDER / "index.txt").touch()
    (FOLDER / "ca.cnf").write_text(f"[ca]\ndatabase={FOLDER / 'index.txt'}\ndefault_md=sha256\ndefault_crl_days=9\n")
    made = openssl(f"ca -config ca.cnf -name ca -gencrl -keyfile {key()} -cert {FOLDER / 'root.pem'}")
    return openssl(f"crl -outform {form}", made)


NO_CERTIFICATE = {
    "nothing": b"",
    "nothing at all": b" \r\n",
    "a private key": key().read_bytes(),
    "a private key, DER": openssl(f"pkey -in {key()} -outform DER"),
    "a private key, PKCS#1": openssl(f"rsa -in {key()} -traditional -outform DER"),
    "a private key, locked": openssl(f"pkey -in {key()} -aes256 -passout pass:x"),
    "a private key, locked DER": openssl(f"pkcs8 -topk8 -in {key()} -v2 aes256 -passout pass:x -outform DER"),
    "a public key": openssl(f"pkey -in {key()} -pubout"),
    "a public key, DER": openssl(f"pkey -in {key()} -pubout -outform DER"),
    "a certificate signing request": openssl(f"req -new -key {key()} -subj /CN=a"),
    "a certificate signing request, DER": openssl(f"req -new -key {key()} -subj /CN=a -outform DER"),
    "a revocation list": revocations("PEM"),
    "a revocation list, DER": revocations("DER"),
    "parameters of a key": openssl("ecparam -name prime256v1"),
    "a PKCS#12 identity": openssl(f"pkcs12 -export -inkey {key()} -passout pass:x", PEM),
    "a PKCS#12 identity, in base64": base64.b64encode(openssl(f"pkcs12 -export -inkey {key()} -passout pass:x", PEM)),
    "a public key of ssh": b"ssh-rsa AAAAB3NzaC1yc2E me@here\n",
    "a web page": b"\r\n<!DOCTYPE html><html></html>",
    "a property list": b"bplist00\xd4",
    "XML": b"<?xml version='1.0'?>",
    "JSON": b'{"value": []}',
}


@pytest.mark.parametrize("what", NO_CERTIFICATE)
def test_what_it_is_instead(what: str) -> None:
    with pytest.raises(X509Error) as caught:
        read(NO_CERTIFICATE[what], "here")
    assert str(caught.value).startswith(f"here holds {what.partition(',')[0].replace(' at all', '')}")
    assert "where a certificate belongs" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"hello", "holds no certificate that can be read"),
        (DER[:-1], "holds no certificate that can be read"),
        (DER + b"\0", "cannot be read"),
        (PEM[:-40], "is damaged"),
        (PEM.replace(b"MII", b"M!I", 1), "is damaged"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no certificate that can be read"),
        (DER.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09", 1), "Certificate 1 in here cannot be read"),
        (PEM * 101, "more than 100 certificates"),
        (b" " * (bounds.FILE + 1), "larger than"),
    ],
)
def test_what_cannot_be_read(content: bytes, words: str) -> None:
    with pytest.raises(X509Error, match=words):
        read(content, "here")
    assert find_one(content) is None


def test_a_certificate_without_an_end() -> None:
    padding = certificate(f"basicConstraints=CA:TRUE\nnsComment={'x' * 70_000}")
    with pytest.raises(X509Error, match="a certificate of more than 65536 bytes"):
        read(padding, "here")


def test_openssl_sees_the_same() -> None:
    found = read_one(PEM, "here")
    shown = openssl("x509 -noout -serial -fingerprint -sha1 -subject -nameopt RFC2253", PEM).decode()
    assert f"serial={found.serial}\n" in shown
    assert f"Fingerprint={found.sha1}\n" in shown.replace(":", "")
    assert f"subject={found.subject}\n" in shown
    assert found.sha256 == openssl("dgst -sha256 -r", DER).decode().partition(" ")[0].upper()


PIECES = st.sampled_from([PEM, DER, b"-----BEGIN ", b"-----", b"\xff\xfe", b"0\x82\x03\x01", p7b("DER", PEM), b"\0"])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(PIECES, st.binary(max_size=30)), max_size=5).map(b"".join) | st.text().map(str.encode))
def test_anything_is_certificates_or_one_sentence(content: bytes) -> None:
    try:
        assert read(content, "here")
    except X509Error as error:
        assert "here" in str(error) and "\n" not in str(error)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(DER) - 1), st.integers(1, 255), st.integers(0, len(DER)))
def test_a_damaged_certificate_is_read_or_refused(at: int, change: int, end: int) -> None:
    damaged = DER[:at] + bytes([DER[at] ^ change]) + DER[at + 1 :]
    for content in (damaged, damaged[:end]):
        found = find_one(content)
        if found:  # whatever it says: all of it can be told
            assert (
                found.label and found.names is not None and found.key_bits >= 0 and found.public_key_sha256 is not None
            )
