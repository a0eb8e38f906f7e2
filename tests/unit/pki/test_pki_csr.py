# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that are made elsewhere: what is taken from a request, what is refused, and when a new one is wanted."""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.plan import Entry, Plan
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509 import csr
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509.keys import fingerprint
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import DAY, PASSPHRASE, Pki, keys, openssl

pytestmark = pytest.mark.usefixtures("quick")


def request(key: Any = None, *, digest: Any = None, name: str = "somebody", extensions: Any = ()) -> str:
    """A CSR in PEM form. Ed25519 brings its own digest."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    key = key or keys()[0]
    signing = None if isinstance(key, ed25519.Ed25519PrivateKey) else digest or hashes.SHA256()
    return builder.sign(key, signing).public_bytes(Encoding.PEM).decode()


def wish(pki: Pki, csrs: dict[str, str], *clients: Any, check: bool = False, **more: Any) -> Plan:
    return pki.issue(*(clients or csrs), csrs=csrs, check=check, **more)


def one(pki: Pki, text: str = "", **more: Any) -> Entry:
    return wish(pki, {"mac-01": text}, **more).entries["mac-01"]


# -- what is in the certificate


def test_only_the_public_key_is_taken_from_the_request(rooted: Pki, tmp_path: Path) -> None:
    """The request asks to be a CA of another name, for servers; openssl reads what has become of that."""
    text = request(
        name="gateway.example.com",
        extensions=[
            x509.BasicConstraints(ca=True, path_length=9),
            x509.SubjectAlternativeName([x509.DNSName("gateway.example.com"), x509.DNSName("mac-02")]),
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        ],
    )
    root = rooted.root().current
    entry = wish(rooted, {"mac-01": text}, {"name": "mac-01", "sans": ["mac-01.example.com"]}).entries["mac-01"]
    assert (entry.changed, entry.reason, entry.key_wanted) == (True, "missing", False)
    pem = rooted.pem(entry.sha1)
    seen = openssl("x509", "-noout", "-text", stdin=pem)
    assert re.search(r"Subject: CN ?= ?mac-01\n", seen)
    assert "gateway" not in seen
    assert "mac-02" not in seen
    assert "CA:FALSE" in seen
    assert "TLS Web Server" not in seen
    assert re.search(r"Extended Key Usage: ?\n\s+TLS Web Client Authentication\n", seen)
    assert re.search(r"Subject Alternative Name: ?\n\s+DNS:mac-01, DNS:mac-01\.example\.com\n", seen)
    (tmp_path / "root.pem").write_text(rooted.pem(root["sha1"]))
    verified = openssl("verify", "-no_check_time", "-purpose", "sslclient", "-CAfile", tmp_path / "root.pem", stdin=pem)
    assert verified.strip().endswith("OK")
    mine = x509.load_pem_x509_certificate(pem.encode()).public_key()
    assert mine == keys()[0].public_key()
    assert rooted.identity("mac-01").identity is None


# -- hostile requests


@cache
def other_keys() -> dict[str, Any]:
    return {
        "short": rsa.generate_private_key(public_exponent=65537, key_size=1024),
        "long": rsa.generate_private_key(public_exponent=65537, key_size=3072),
        "exponent": rsa.generate_private_key(public_exponent=3, key_size=2048),
        "ec": ec.generate_private_key(ec.SECP256R1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "dsa": dsa.generate_private_key(2048),
    }


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("short", "1024 bits, but key_size is 2048"),
        ("long", "3072 bits, but key_size is 2048"),
        ("exponent", "small public exponent"),
        ("ec", "not RSA"),
        ("ed25519", "not RSA"),
        ("dsa", "not RSA"),
    ],
)
def test_a_key_that_azure_or_we_do_not_take_is_refused(rooted: Pki, kind: str, says: str) -> None:
    entry = one(rooted, request(other_keys()[kind]))
    assert entry.failed
    assert says in entry.msg
    assert "mac-01" in entry.msg
    assert rooted.certificates("mac-01") == []


def test_a_weak_signature_is_refused(rooted: Pki, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    openssl("genrsa", "-out", str(key), "2048")
    text = openssl("req", "-new", "-key", str(key), "-subj", "/CN=x", "-sha1")
    assert "SHA-256 or better" in one(rooted, text).msg


def test_somebody_elses_public_key_is_refused(rooted: Pki) -> None:
    """The request of another key with this public key in it: without the private key nobody can sign it."""
    mine, theirs = (x509.load_pem_x509_csr(request(key).encode()) for key in keys()[:2])
    number = theirs.public_key().public_numbers().n.to_bytes(256, "big")  # type: ignore[union-attr]
    own = mine.public_key().public_numbers().n.to_bytes(256, "big")  # type: ignore[union-attr]
    der = mine.public_bytes(Encoding.DER)
    assert der.count(own) == 1
    forged = x509.load_der_x509_csr(der.replace(own, number)).public_bytes(Encoding.PEM).decode()
    assert "does not prove" in one(rooted, forged).msg


GOOD = request()


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.text(),
        st.binary().map(lambda raw: raw.decode("latin-1")),
        st.tuples(st.integers(0, len(GOOD) - 1), st.characters()).map(lambda p: GOOD[: p[0]] + p[1] + GOOD[p[0] + 1 :]),
        st.integers(0, len(GOOD)).map(lambda at: GOOD[:at]),
        st.just(GOOD + GOOD),
        st.just(GOOD * 40),
    )
)
def test_whatever_comes_is_the_key_or_one_sentence(text: str) -> None:
    try:
        key = csr.public_key(text, "mac-01", 2048)
    except UserVpnError as error:
        assert "mac-01" in str(error)
        assert "\n" not in str(error)
    else:
        assert key == keys()[0].public_key()


@settings(max_examples=300, deadline=None)
@example(10, 1)  # the version, which cryptography does not count among the ValueErrors
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_bit_that_has_changed_proves_nothing(where: int, change: int) -> None:
    der = bytearray(x509.load_pem_x509_csr(GOOD.encode()).public_bytes(Encoding.DER))
    assume(where % len(der) != len(der) - 257)  # how many bits of the signature's last byte are padding: none is lost
    der[where % len(der)] ^= change
    body = base64.encodebytes(bytes(der)).decode()
    with pytest.raises(UserVpnError):
        csr.public_key(
            f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n", "mac-01", 2048
        )


def test_the_fingerprint_is_that_of_openssl(tmp_path: Path) -> None:
    path = tmp_path / "request.pem"
    path.write_text(GOOD)
    public = tmp_path / "public.pem"
    public.write_text(openssl("req", "-in", str(path), "-noout", "-pubkey"))
    openssl("pkey", "-pubin", "-in", str(public), "-outform", "DER", "-out", str(tmp_path / "public.der"))
    digest = openssl("dgst", "-sha256", str(tmp_path / "public.der")).strip().rpartition(" ")[2].upper()
    assert fingerprint(csr.public_key(GOOD, "mac-01", 2048)) == digest


# -- when


def test_without_a_request_it_is_said_whether_one_is_wanted(rooted: Pki) -> None:
    entry = one(rooted)
    assert (entry.changed, entry.reason, entry.key_wanted, entry.sha1, entry.failed) == (
        False,
        "missing",
        True,
        "",
        False,
    )
    assert rooted.certificates("mac-01") == []

    issued = one(rooted, request(keys()[0]))
    for text in ("", request(keys()[0])):
        same = one(rooted, text)
        assert (same.changed, same.key_wanted, same.sha1, same.spent_keys) == (False, False, issued.sha1, ())

    rooted.now += 340 * DAY
    due = one(rooted)
    spent = fingerprint(keys()[0].public_key())
    assert (due.changed, due.reason, due.key_wanted, due.sha1) == (False, "expiring", True, issued.sha1)
    assert due.spent_keys == (spent,)
    refused = one(rooted, request(keys()[0]))
    assert "had a certificate before; make a new key" in refused.msg
    renewed = one(rooted, request(keys()[1]))
    assert (renewed.changed, renewed.reason) == (True, "expiring")
    assert one(rooted).spent_keys == (spent,)
    assert rooted.sql("SELECT state FROM certificates WHERE kind = 'client' ORDER BY id") == [
        ("superseded",),
        ("issued",),
    ]


def test_another_key_is_another_certificate(rooted: Pki) -> None:
    one(rooted, request(keys()[0]))
    assert one(rooted, request(keys()[1]), check=True).reason == "new_key"
    assert one(rooted, request(keys()[1])).reason == "new_key"
    assert "had a certificate before" in one(rooted, request(keys()[0])).msg
    assert one(rooted, request(keys()[1])).changed is False


def test_one_key_serves_one_mac(rooted: Pki) -> None:
    """A disk that was copied to another Mac brings the same key: refused in one call, and in two."""
    both = wish(rooted, {"mac-01": GOOD, "mac-02": GOOD}).entries
    assert (both["mac-01"].failed, both["mac-02"].failed) == (False, True)
    assert "the key of mac-01" in both["mac-02"].msg
    assert wish(rooted, {"mac-02": GOOD}).entries["mac-02"].failed
    assert not wish(rooted, {"mac-02": request(keys()[1])}).entries["mac-02"].failed


def test_options_and_rotation_and_the_way_back(rooted: Pki) -> None:
    one(rooted, request(keys()[0]))
    assert one(rooted, key_size=3072).reason == "options_changed"
    assert wish(rooted, {"mac-01": ""}, {"name": "mac-01", "sans": ["b.example.com"]}).entries["mac-01"].key_wanted
    made = rooted.issue("mac-01").entries["mac-01"]
    assert made.changed
    assert rooted.identity("mac-01").identity
    back = one(rooted)
    assert (back.key_wanted, back.reason) == (True, "options_changed")
    assert one(rooted, request(keys()[1])).reason == "options_changed"
    assert rooted.identity("mac-01").identity is None
    rooted.root(generation=2)
    assert one(rooted).reason == "root_rotated"


def test_a_passphrase_is_needed_only_to_sign(rooted: Pki) -> None:
    nothing = {"means": {"passphrase": None}}
    with pytest.raises(UserVpnError, match="passphrase"):
        one(rooted, GOOD, **nothing)
    assert one(rooted, GOOD).changed
    assert not one(rooted, GOOD, **nothing).changed
    wish(rooted, {"mac-01": GOOD}, "mac-01", "mac-02")
    assert rooted.identity("mac-02").identity


def test_bad_input_is_one_sentence(rooted: Pki) -> None:
    with pytest.raises(UserVpnError, match="csrs names the client 'mac-09', which is not in clients"):
        wish(rooted, {"mac-09": GOOD}, "mac-01")
    both = {"name": "mac-01", "pkcs12_source": "/nowhere.p12"}
    assert "leave one out" in wish(rooted, {"mac-01": GOOD}, both).entries["mac-01"].msg
    assert not wish(rooted, {"mac-01": GOOD}, "mac-01").entries["mac-01"].failed


def test_the_action_takes_the_requests_by_name(rooted: Pki) -> None:
    args = {"pki": rooted.option, "passphrase": PASSPHRASE, "clients": ["mac-01"], "csrs": {"mac-01": ""}}
    seen = run_action("client_certificates", args)
    assert not seen["changed"]
    assert seen["clients"]["mac-01"]["key_wanted"] is True
    signed = run_action("client_certificates", args | {"csrs": {"mac-01": GOOD}})
    assert signed["changed"]
    (certificate,) = rooted.certificates("mac-01")
    assert json.loads(certificate.options) == {"key_size": 2048, "common_name": "mac-01", "names": ["mac-01"]}
    assert certificate.origin == "certified"
    assert certificate.public_key_sha256 == fingerprint(keys()[0].public_key())


# -- batches


def test_a_batch_is_decided_before_the_keys_are_made(rooted: Pki) -> None:
    names = ["a", "b", "c"]
    wish(rooted, {name: request(key) for name, key in zip(names, keys(), strict=True)})
    rooted.now += 340 * DAY
    first = wish(rooted, dict.fromkeys(names, ""), renew_batch=1)
    assert {name: (e.key_wanted, e.changed) for name, e in first.entries.items()} == {
        "a": (True, False), "b": (False, False), "c": (False, False),
    }  # fmt: skip
    assert [(d["name"], d["reason"]) for d in first.deferred] == [("b", "expiring"), ("c", "expiring")]
    assert all(entry.sha1 for entry in first.entries.values())
    assert [len(first.entries[name].spent_keys) for name in names] == [1, 0, 0]

    # The key of b waits on its Mac for somebody to approve the profile; c has made a new one, as its profile changes.
    new = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _unused in range(2)]
    csrs = {"a": request(new[0]), "b": request(keys()[1]), "c": request(new[1])}
    later = frozenset(d["name"] for d in first.deferred)
    for check in (True, False):
        second = wish(rooted, csrs, renew_batch=1, defer=later, check=check)
        assert {name for name, e in second.entries.items() if e.changed} == {"a", "c"}
        assert [d["name"] for d in second.deferred] == ["b"]
        assert second.failures == []
    assert second.entries["b"] == first.entries["b"]


def test_the_second_call_of_a_run_keeps_to_the_choice_of_the_first(rooted: Pki) -> None:
    names = ["a", "b", "c"]
    rooted.issue(*names)
    rooted.now += 340 * DAY
    first = rooted.issue(*names, renew_batch=1)
    later = frozenset(d["name"] for d in first.deferred)
    assert later == {"b", "c"}
    assert not rooted.issue(*names, renew_batch=1, defer=later).changed
    assert [d["name"] for d in rooted.issue(*names, defer=later).deferred] == ["b", "c"]


def test_who_moves_its_key_is_not_put_off(rooted: Pki) -> None:
    rooted.issue("a", "b", "e")  # all three keys
    new = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _unused in range(2)]
    assert wish(rooted, {"c": request(keys()[0])}).failures == ["c"]  # a key that was made here is on no Mac
    wish(rooted, {"c": request(new[0]), "d": request(new[1])})
    rooted.now += 340 * DAY
    moved = wish(rooted, {"a": "", "b": ""}, renew_batch=1)  # from the controller to the Macs
    assert [e.key_wanted for e in moved.entries.values()] == [True, True]
    assert rooted.issue("c", "d", renew_batch=1, check=True).deferred == []  # and back
    assert not wish(rooted, {"c": "", "d": ""}, renew_batch=1).entries["d"].key_wanted
    rooted.now += 30 * DAY
    assert wish(rooted, {"c": "", "d": ""}, renew_batch=1).deferred == []
