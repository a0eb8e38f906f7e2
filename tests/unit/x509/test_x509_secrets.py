# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and PKCS#12 of others: every form that people have opens, and none holds a run for long."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from asn1crypto import core
from asn1crypto import pkcs12 as asn1_pkcs12
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._x509 import bounds, keys, pkcs12
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509.certificates import read_one
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509.der import elements
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509.errors import X509Error
from ansible_collections.vwan.user_vpn.tests.unit.x509.x509_tools import FOLDER, authority, certificate, key, openssl

PASSWORD = "theirs"
CLIENT = certificate("extendedKeyUsage=clientAuth\nsubjectAltName=DNS:mac-01", name="mac-01", issuer="top")
LEAF = read_one(CLIENT, "client")
TDES = "-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES"

# How each program exports. LibreSSL and the Keychain Access of Macs write a MAC of one round without saying so.
FORMS = {
    "OpenSSL 3": "",
    "OpenSSL 1.1, LibreSSL": "-legacy -descert -macalg sha1",
    "RC2 for certificates": "-legacy -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-RC2-40 -macalg sha1",
    "a MAC of one round": f"-legacy {TDES} -macalg sha1 -nomaciter",
    "no MAC": "-nomac",
    "Windows, TripleDES-SHA1": f"-legacy {TDES} -macalg sha1 -iter 2000",
    "Windows, AES256-SHA256": "-keypbe AES-256-CBC -certpbe AES-256-CBC -macalg sha256 -iter 2000",
    "Java": "-keypbe AES-256-CBC -certpbe AES-256-CBC -macalg sha256 -iter 10000",
    "newest advice for passwords": "-iter 600000",
    "SHA-512": "-macalg sha512",
}
FIT = {"OpenSSL 1.1, LibreSSL", "RC2 for certificates", "a MAC of one round", "Windows, TripleDES-SHA1"}


def pfx(options: str = "", *, with_path: bool = False) -> bytes:
    (FOLDER / "client.pem").write_bytes(CLIENT)
    (FOLDER / "path.pem").write_bytes(authority("top"))
    path = f"-certfile {FOLDER / 'path.pem'}" if with_path else ""
    return openssl(
        f"pkcs12 -export {options} -inkey {key()} -in {FOLDER / 'client.pem'} {path} -passout pass:{PASSWORD}"
    )


def read(content: bytes, password: str | None = PASSWORD) -> pkcs12.Opened:
    return pkcs12.read(content, password, "client.pfx", "source_password")


# --- PKCS#12 -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_path", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_an_identity_in_whatever_form(form: str, with_path: bool) -> None:
    content = pfx(FORMS[form], with_path=with_path)
    opened = read(content)
    assert opened.certificate == LEAF
    assert opened.key.public_key() == LEAF.public_key
    assert [each.common_name for each in opened.others] == ["top"] * with_path
    assert opened.fits_every_mac == (form in FIT and not with_path)
    assert read(base64.encodebytes(content)).certificate == LEAF, "Key Vault and scripts hand it out in base64"
    assert PASSWORD not in repr(opened) and "PrivateKey" not in repr(opened)


def tlv(tag: int, content: bytes) -> bytes:
    return bytes([tag, 0x83]) + len(content).to_bytes(3, "big") + content


def indefinite(content: bytes) -> bytes:
    """The same with lengths of constructed values not told, and octet strings in pieces: as Java and Firefox write."""
    out, position = b"", 0
    while position < len(content):
        tag, length, first = content[position], content[position + 1], position + 2
        if length & 0x80:
            first += length & 0x7F
            length = int.from_bytes(content[position + 2 : first], "big")
        inner = content[first : first + length]
        if tag & 0x20:
            out += bytes([tag, 0x80]) + indefinite(inner) + b"\0\0"
        elif tag == 0x04 and length > 100:
            pieces = [inner[at : at + 100] for at in range(0, length, 100)]
            out += b"\x24\x80" + b"".join(bytes([4, len(piece)]) + piece for piece in pieces) + b"\0\0"
        else:
            out += content[position : first + length]
        position = first + length
    return out


def demanding(content: bytes, rounds: int, wanted: int = 8_000_000) -> bytes:
    """The file with another number of rounds wherever one is told."""
    before, after = core.Integer(rounds).dump(), core.Integer(wanted).dump()
    assert len(before) == len(after) and before in content
    return content.replace(before, after)


@pytest.fixture
def never_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused is refused before the library is asked."""
    for module, name in (
        (pkcs12.pkcs12, "load_pkcs12"),
        (keys, "load_der_private_key"),
        (keys, "load_pem_private_key"),
    ):
        monkeypatch.setattr(module, name, lambda *_arguments, **_more: pytest.fail("it was opened"))


def test_lengths_that_are_not_told() -> None:
    content = indefinite(pfx(FORMS["Windows, TripleDES-SHA1"]))
    assert openssl(f"pkcs12 -legacy -nokeys -passin pass:{PASSWORD}", content), "openssl opens it"
    assert read(content).certificate == LEAF


@pytest.mark.usefixtures("never_opened")
@pytest.mark.parametrize("as_written", [bytes, indefinite], ids=["DER", "BER"])
@pytest.mark.parametrize("options", ["", f"-legacy {TDES} -macalg sha1", "-nomac", "-keypbe NONE -certpbe NONE"])
def test_rounds_without_end_are_refused(options: str, as_written: Callable[[bytes], bytes]) -> None:
    content = as_written(demanding(pfx(f"{options} -iter 100000"), 100_000))
    # What stands behind it hides nothing: a library does not look there.
    for more in (b"", b"\0", b"\x1f\x81\x01\0", b"\x30\x84"):
        with pytest.raises(X509Error, match=r"client\.pfx wants its password hashed [0-9,]+ times.* at most 4,000,000"):
            read(content + more)


@pytest.mark.usefixtures("never_opened")
def test_fifty_million_rounds_for_the_mac_alone() -> None:
    content = asn1_pkcs12.Pfx.load(pfx())
    content["mac_data"]["iterations"] = 50_000_000
    with pytest.raises(X509Error, match="hashed 50,004,096 times"):
        read(content.dump(force=True))


def test_many_modest_demands_are_one_large_one() -> None:
    one = demanding(pfx("-iter 100000"), 100_000, 1_300_000)  # for certificate, key and MAC
    bounds.check_effort(one, "here")
    with pytest.raises(X509Error, match="hashed 5,200,000 times"):
        bounds.check_effort(tlv(0x30, one + one), "here")


SALT = tlv(0x04, b"saltsalt")


def algorithm(name: str, *numbers: int) -> bytes:
    parameters = SALT + b"".join(core.Integer(number).dump() for number in numbers)
    return tlv(0x30, core.ObjectIdentifier(name).dump() + tlv(0x30, parameters))


@pytest.mark.parametrize(
    ("content", "fits"),
    [
        (algorithm("1.2.840.113549.1.5.12", 4_000_000), True),
        (algorithm("1.2.840.113549.1.5.12", 4_000_001), False),
        (algorithm("1.2.840.113549.1.5.12", 2048, 32), True),
        (algorithm("1.2.840.113549.1.5.12", 2048, 100_000_000), False),  # how long the derived key is to be
        (algorithm("1.2.840.113549.1.5.12", 2048, 100_000_000, 1), False),
        (algorithm("1.2.840.113549.1.5.3", 5_000_000), False),  # PBES1
        (algorithm("1.2.840.113549.1.12.1.3", 5_000_000), False),
        (algorithm("1.3.6.1.4.1.11591.4.11", 16384, 8, 1), True),  # scrypt as openssl does it
        (algorithm("1.3.6.1.4.1.11591.4.11", 65536, 8, 1), True),
        (algorithm("1.3.6.1.4.1.11591.4.11", 1 << 20, 8, 1), False),  # one GB of memory
        (algorithm("1.3.6.1.4.1.11591.4.11", 16384, 8, 1000), False),
        (algorithm("1.3.6.1.4.1.11591.4.11", -16384, 8, 1) + algorithm("1.2.840.113549.1.5.12", 4_000_001), False),
        (algorithm("1.2.840.113549.1.1.11", 5_000_000), True),  # no password here
    ],
)
def test_what_an_algorithm_demands(content: bytes, fits: bool) -> None:
    for _level in range(10):
        content = tlv(0x04, tlv(0x30, content))
    if fits:
        bounds.check_effort(content, "here")
        return
    with pytest.raises(X509Error, match="here wants its password hashed"):
        bounds.check_effort(content, "here")


def test_only_what_is_constructed_may_hide_its_length() -> None:
    """X.690, 8.1.3.2."""
    assert elements(bytes.fromhex("308005000000")) != []
    with pytest.raises(ValueError, match="no BER"):
        elements(bytes.fromhex("108005000000"))


def test_nested_without_end() -> None:
    content = b""
    for _level in range(200):
        content = tlv(0x30, content)
    with pytest.raises(X509Error, match="here is nested too deeply"):
        bounds.check_effort(content, "here")


@pytest.mark.parametrize(
    ("content", "password", "words"),
    [
        (pfx(), "guess", "client.pfx cannot be opened: source_password is wrong, or it is no PKCS#12 file"),
        (pfx(), None, "source_password is wrong"),
        (b"", PASSWORD, "no PKCS#12 file"),
        (CLIENT, PASSWORD, "no PKCS#12 file"),
        (b"x" * (bounds.SECRET_FILE + 1), PASSWORD, "larger than 131072 bytes"),
    ],
)
def test_what_does_not_open(content: bytes, password: str | None, words: str) -> None:
    with pytest.raises(X509Error, match=words):
        read(content, password)


def test_what_holds_no_identity() -> None:
    (FOLDER / "client.pem").write_bytes(CLIENT)
    for half in (f"-nokeys -in {FOLDER / 'client.pem'}", f"-nocerts -inkey {key()}"):
        with pytest.raises(X509Error, match="does not hold a private key together with its certificate"):
            read(openssl(f"pkcs12 -export {half} -passout pass:{PASSWORD}"))


def test_what_we_pack_is_what_every_mac_opens() -> None:
    opened = read(pfx(with_path=True))
    packed = pkcs12.pack(opened.certificate, opened.key, "ours")
    again = pkcs12.read(packed, "ours", "packed", "x")
    assert (again.certificate, again.others, again.fits_every_mac) == (LEAF, (), True)
    (FOLDER / "packed.p12").write_bytes(packed)
    shown = openssl(f"pkcs12 -legacy -in {FOLDER / 'packed.p12'} -passin pass:ours -noenc -info").decode()
    assert f"friendlyName: mac-01 {LEAF.serial}" in shown
    facts = asn1_pkcs12.Pfx.load(packed)
    assert facts["mac_data"]["mac"]["digest_algorithm"]["algorithm"].native == "sha1"
    assert facts["mac_data"]["iterations"].native == 2048


def test_an_openssl_that_cannot_write_what_every_mac_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> bytes:
        raise UnsupportedAlgorithm("no 3DES here")

    opened = read(pfx())
    monkeypatch.setattr(pkcs12.pkcs12, "serialize_key_and_certificates", refuse)
    with pytest.raises(X509Error, match=r"FIPS build.*ordinary OpenSSL"):
        pkcs12.pack(opened.certificate, opened.key, "ours")


@pytest.mark.parametrize("password", ["", None, "gr\u00fcn", "line\nbreak"])
def test_passwords_that_macs_read_differently(password: str | None) -> None:
    with pytest.raises(X509Error, match=r"(set|alter) pkcs12_password"):
        pkcs12.check_password(password, "pkcs12_password")
    assert pkcs12.check_password(pkcs12.new_password(), "x")


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 3000), st.integers(1, 255))
def test_a_changed_byte_is_one_sentence(at: int, change: int) -> None:
    content = bytearray(LEGACY)
    content[at % len(content)] ^= change
    try:
        read(bytes(content))
    except X509Error as error:
        assert "client.pfx" in str(error)


LEGACY = pfx("-legacy -descert -macalg sha1 -iter 1")

# --- keys --------------------------------------------------------------------------------------------------------


def der(options: str) -> bytes:
    return openssl(f"{options} -outform DER")


KEYS: dict[str, Callable[[], bytes]] = {
    "PKCS#8": lambda: key().read_bytes(),
    "PKCS#8, DER": lambda: der(f"pkey -in {key()}"),
    "PKCS#1": lambda: openssl(f"rsa -in {key()} -traditional"),
    "PKCS#1, DER": lambda: der(f"rsa -in {key()} -traditional"),
    "locked": lambda: openssl(f"pkey -in {key()} -aes256 -passout pass:theirs"),
    "locked, DER": lambda: der(f"pkcs8 -topk8 -in {key()} -v2 aes256 -passout pass:theirs"),
    "locked, old": lambda: openssl(f"rsa -in {key()} -traditional -aes128 -passout pass:theirs"),
    "locked with scrypt": lambda: openssl(f"pkcs8 -topk8 -in {key()} -scrypt -passout pass:theirs"),
    "locked with 3DES": lambda: openssl(f"pkcs8 -topk8 -in {key()} -v2 des3 -passout pass:theirs"),
    "UTF-16": lambda: key().read_text().encode("utf-16"),
    "base64 of DER": lambda: base64.b64encode(der(f"pkey -in {key()}")),
    "before its certificate": lambda: key().read_bytes() + CLIENT,
}


@pytest.mark.parametrize("form", KEYS)
def test_a_key_in_whatever_form(form: str) -> None:
    locked = "theirs" if form.startswith("locked") else None
    found = keys.load_key(KEYS[form](), locked, "client.key", "passphrase")
    assert found.public_key() == LEAF.public_key
    assert keys.from_der(keys.to_der(found)).private_numbers() == found.private_numbers()
    with pytest.raises(X509Error, match="passphrase"):
        keys.load_key(KEYS[form](), None if locked else "guess", "client.key", "passphrase")


def test_keys_that_are_refused() -> None:
    numbers = keys.load_key(key().read_bytes(), None, "x", "y").private_numbers()
    wrong = rsa.RSAPrivateNumbers(
        numbers.p, numbers.q, numbers.d, numbers.dmp1, numbers.dmq1, numbers.iqmp + 2, numbers.public_numbers
    ).private_key(unsafe_skip_rsa_key_validation=True)
    for content, words in (
        (key("EC:P-256").read_bytes(), "not RSA"),
        (key("ED25519").read_bytes(), "not RSA"),
        (key("RSA:1024").read_bytes(), "1024 bits"),
        (keys.to_der(wrong), "is damaged|cannot be opened"),
        (b"", "no private key"),
        (CLIENT, "no private key"),
        (key().read_bytes()[:-40], "client.key is damaged"),
    ):
        with pytest.raises(X509Error, match=words):
            keys.load_key(content, None, "client.key", "passphrase")


@pytest.mark.usefixtures("never_opened")
def test_a_key_of_a_million_bits_is_not_tried() -> None:
    content = tlv(0x30, core.Integer(0).dump() + core.Integer(1 << (1 << 20)).dump() * 2)
    with pytest.raises(X509Error, match="larger than"):
        keys.load_key(content, None, "client.key", "passphrase")


@pytest.mark.usefixtures("never_opened")
def test_a_key_that_is_locked_without_end() -> None:
    content = demanding(der(f"pkcs8 -topk8 -in {key()} -v2 aes256 -iter 100000 -passout pass:theirs"), 100_000)
    lines = base64.encodebytes(content)
    pem = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + lines + b"-----END ENCRYPTED PRIVATE KEY-----\n"
    for each in (content, pem, pem.decode().encode("utf-16"), base64.b64encode(content)):
        with pytest.raises(X509Error, match=r"client\.key wants its password hashed 8,000,000 times"):
            keys.load_key(each, "theirs", "client.key", "passphrase")
    with pytest.raises(X509Error, match=r"client\.key is damaged"):
        keys.load_key(pem.replace(lines, b"X: y\n\n" + lines), "theirs", "client.key", "passphrase")
