# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client root: made, kept, rotated, retired, taken in from elsewhere. Read back with openssl."""

from __future__ import annotations

import base64
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki._base import PkiError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.roots import RootRequest, Source, ensure_root
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.store import reading
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509.certificates import of
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import (
    DAY,
    NOW,
    PASSPHRASE,
    Pki,
    any_key,
    keys,
    openssl,
    real_now,
)

pytestmark = pytest.mark.usefixtures("quick")


def test_what_openssl_sees(pki: Pki) -> None:
    root = pki.root(identifier="com.example.vpn").current
    text = openssl("x509", "-noout", "-text", "-fingerprint", "-sha1", stdin=pki.pem(root["sha1"]))
    assert "Signature Algorithm: sha256WithRSAEncryption" in text
    assert "Public-Key: (2048 bit)" in text
    assert re.search(r"Subject: OU ?= ?vwan.user_vpn com.example.vpn, CN ?= ?P2SRootCert\n", text)
    assert re.search(r"Basic Constraints: critical\s+CA:TRUE, pathlen:0", text)
    assert re.search(r"Key Usage: critical\s+Certificate Sign, CRL Sign", text)
    assert "Subject Key Identifier" in text
    assert "Not Before: Nov 22 11:00:00 2026 GMT" in text
    assert "Not After : Nov 19 12:00:00 2036 GMT" in text
    assert root["sha1"] in text.replace(":", "")
    assert re.search(r"Serial Number:\s+[0-9a-f:]{40,}", text)


def test_what_azure_gets(pki: Pki) -> None:
    root = pki.root().current
    assert re.fullmatch("MII[A-Za-z0-9+/=]+", root["public_cert_data"])
    der = base64.b64decode(root["public_cert_data"], validate=True)
    pem = openssl("x509", stdin=pki.pem(root["sha1"]))
    assert der == base64.b64decode("".join(pem.splitlines()[1:-1]))


def test_the_key_is_sealed_and_fits(pki: Pki, tmp_path: Path) -> None:
    root = pki.root().current
    with reading(pki.place) as store:
        store.unlock(PASSPHRASE)
        der = store.root_key(root["sha1"])
    (tmp_path / "key.der").write_bytes(der)
    public = openssl("pkey", "-inform", "DER", "-in", tmp_path / "key.der", "-pubout")
    assert public == openssl("x509", "-noout", "-pubkey", stdin=pki.pem(root["sha1"]))
    assert repr(der)[2:-1] not in repr(pki.content())


def test_the_second_run_changes_nothing_and_check_mode_writes_nothing(pki: Pki) -> None:
    foreseen = pki.root(check=True)
    assert foreseen.changed
    assert foreseen.current["sha1"] == foreseen.current["public_cert_data"] == ""
    assert not pki.exists
    made = pki.root()
    assert made.changed
    before = pki.content()
    for check in (False, True):
        for passphrase in (PASSPHRASE, None, ""):
            again = pki.root(check=check, passphrase=passphrase)
            assert (again.changed, again.current, again.roots) == (False, made.current, made.roots)
    assert pki.content() == before


@pytest.mark.parametrize("size", [3072, 4096])
def test_the_key_size_is_asked_for(pki: Pki, size: int) -> None:
    asked: list[int] = []

    def note(size: int) -> Any:
        asked.append(size)
        return any_key()

    ensure_root(pki.place, RootRequest(passphrase=PASSPHRASE, key_size=size), now=NOW, make_key=note)
    assert asked == [size]


def test_a_wrong_passphrase_is_one_sentence(rooted: Pki) -> None:
    before = rooted.content()
    for generation in (1, 2):
        with pytest.raises(PkiError, match="passphrase is not the one of this store") as caught:
            rooted.root(passphrase="guess guess guess", generation=generation)
        assert "guess" not in str(caught.value)
    with pytest.raises(PkiError, match="Set passphrase"):
        rooted.root(passphrase=None, generation=2)
    assert rooted.content() == before


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"passphrase": None}, "Set passphrase"),
        ({"passphrase": ""}, "Set passphrase"),
        ({"passphrase": "elevenchars"}, "at least 12"),
        ({"passphrase": "x" * 1024}, "longer than 1023 bytes"),
        ({"valid_days": 0}, "valid_days"),
        ({"valid_days": 10**9}, "valid_days"),
        ({"common_name": ""}, "common_name"),
        ({"common_name": "x" * 65}, "common_name"),
        ({"common_name": "a\nb"}, "common_name"),
        ({"generation": 0}, "generation"),
    ],
)
def test_what_cannot_be_made_leaves_no_store(pki: Pki, wanted: dict[str, Any], words: str) -> None:
    for check in (True, False):
        with pytest.raises(PkiError, match=words):
            pki.root(check=check, **wanted)
    assert not pki.exists


def test_a_root_is_not_altered(rooted: Pki) -> None:
    for wanted in ({"common_name": "Other"}, {"key_size": 4096}):
        with pytest.raises(PkiError, match=r"cannot be altered.*set generation to 2"):
            rooted.root(**wanted)
    assert not rooted.root(valid_days=30, identifier="another").changed


def test_a_key_that_was_altered_in_the_store_signs_nothing(rooted: Pki) -> None:
    """Sealed for this row, of this store: what stands in its place does not open."""
    rooted.issue("mac-01")
    with rooted.place.writing() as transaction:
        ((sealed,),) = transaction.execute("SELECT sealed FROM certificates WHERE kind = 'client'")
        transaction.execute("UPDATE certificates SET sealed = ? WHERE kind = 'root'", (bytes(sealed),))
    before = rooted.content()
    with pytest.raises(PkiError, match="was altered, or belongs elsewhere"):
        rooted.issue("mac-02")
    assert rooted.content() == before


# -- generations


def test_rotation_keeps_both_and_never_goes_back(rooted: Pki) -> None:
    first = rooted.root().current
    foreseen = rooted.root(generation=2, check=True)
    assert foreseen.changed
    assert [(r["generation"], r["state"], bool(r["sha1"])) for r in foreseen.roots] == [
        (1, "previous", True),
        (2, "current", False),
    ]
    rotated = rooted.root(generation=2)
    assert rotated.before["sha1"] == first["sha1"]
    assert [(r["generation"], r["state"]) for r in rotated.roots] == [(1, "previous"), (2, "current")]
    assert rotated.current["sha1"] != first["sha1"]
    assert not rooted.root(generation=2).changed
    for check in (False, True):
        with pytest.raises(UserVpnError, match=r"generation 2 already.*set generation to 2"):
            rooted.root(generation=1, check=check)
    assert [c.has_key for c in rooted.certificates() if c.kind == "root"] == [True, True]


def test_retiring_waits_for_the_clients(rooted: Pki) -> None:
    rooted.issue("mac-01")
    first = rooted.root().current
    rooted.root(generation=2)
    for check in (False, True):
        with pytest.raises(PkiError, match=r"is still needed by 1 clients \(mac-01\)"):
            rooted.retire(1, check=check)
    moved = rooted.issue("mac-01").entries["mac-01"]
    assert moved.reason == "root_rotated"
    for status in ("", "pending_approval"):
        if status:
            rooted.seen("mac-01", moved.sha1, status)
        with pytest.raises(PkiError, match="nobody has seen newer ones on their Macs yet"):
            rooted.retire(1)
    rooted.seen("mac-01", moved.sha1)
    before = rooted.content()
    foreseen = rooted.retire(1, check=True)
    assert foreseen.changed
    assert rooted.content() == before
    done = rooted.retire(1)
    assert (done.changed, done.roots) == (True, foreseen.roots)
    assert [(r["generation"], r["state"]) for r in done.roots] == [(1, "retired"), (2, "current")]
    assert [c.has_key for c in rooted.certificates() if c.kind == "root"] == [False, True]
    assert not rooted.retire(1).changed
    assert rooted.sql("SELECT what, reason FROM events WHERE sha1 = ? ORDER BY id", first["sha1"]) == [
        ("issued", "missing"), ("retired", "unused"),
    ]  # fmt: skip


def test_retiring_by_force_leaves_no_root(rooted: Pki) -> None:
    rooted.issue("mac-01")
    assert rooted.retire(1, force=True).changed
    with pytest.raises(UserVpnError, match="set generation to 2"):
        rooted.root()
    with pytest.raises(UserVpnError, match="no current root; make one"):
        rooted.issue("mac-01")
    rooted.root(generation=2)
    assert rooted.issue("mac-01").entries["mac-01"].reason == "root_rotated"


def test_retiring_what_never_was(pki: Pki) -> None:
    assert not pki.retire(1).changed
    assert not pki.exists


def test_a_root_near_its_end_warns(rooted: Pki) -> None:
    assert rooted.root().warnings == []
    rooted.now = NOW + 3500 * DAY
    assert "set generation to 2" in rooted.root().warnings[0]


# -- roots from elsewhere


class Enterprise:
    """A CA that we did not make, by other means than ours: files that openssl wrote."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.root = self._ca("root", keys()[0], None)
        self.chain = self._ca("issuing", keys()[1], self.root)

    def _ca(self, name: str, key: Any, issuer: Path | None, **extra: Any) -> Path:
        (self.folder / f"{name}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"ca"),
            )
        )
        request, config = self.folder / f"{name}.csr", self.folder / f"{name}.cnf"
        config.write_text(
            "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n"
        )
        openssl(
            "req", "-new", "-key", self.folder / f"{name}.key", "-passin", "pass:ca", "-subj", f"/O=Corp/CN={name}",
            "-out", request,
        )  # fmt: skip
        signer: tuple[str | Path, ...] = ("-signkey", self.folder / f"{name}.key")
        if issuer:
            signer = ("-CA", issuer, "-CAkey", issuer.with_suffix(".key"), "-CAcreateserial")
        openssl(
            "x509", "-req", "-in", request, *signer, "-passin", "pass:ca", "-days", "4000", "-sha256",
            "-extfile", config, "-out", self.folder / f"{name}.pem",
        )  # fmt: skip
        return self.folder / f"{name}.pem"


@pytest.fixture(scope="session")
def corporation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Enterprise(tmp_path_factory.mktemp("enterprise") / "corp").folder


@pytest.fixture
def enterprise(corporation: Path, tmp_path: Path) -> Enterprise:
    """A copy for this test to spoil."""
    copy = Enterprise.__new__(Enterprise)
    copy.folder = Path(shutil.copytree(corporation, tmp_path / "corp"))
    copy.root, copy.chain = copy.folder / "root.pem", copy.folder / "issuing.pem"
    return copy


def test_an_enterprise_root_with_its_key(pki: Pki, enterprise: Enterprise) -> None:
    pki.now = real_now()
    source = Source(enterprise.root, enterprise.root.with_suffix(".key"), "ca")
    foreseen = pki.root(source=source, check=True)
    assert not pki.exists
    taken = pki.root(source=source)
    assert (taken.changed, taken.current) == (True, foreseen.current)
    assert taken.current["common_name"] == "root"
    enterprise.root.with_suffix(".key").unlink()  # not needed any more
    assert not pki.root(source=source).changed
    with pytest.raises(UserVpnError, match="certificate_source"):
        pki.root()
    entry = pki.issue("mac-01").entries["mac-01"]
    openssl("verify", "-CAfile", enterprise.root, stdin=pki.pem(entry.sha1))


def test_an_issuing_ca_below_an_enterprise_root(pki: Pki, enterprise: Enterprise) -> None:
    pki.now = real_now()
    source = Source(enterprise.root, enterprise.chain.with_suffix(".key"), "ca", enterprise.chain)
    root = pki.root(source=source).current
    assert not pki.root(source=source).changed
    entry = pki.issue("mac-01").entries["mac-01"]
    assert entry.root_sha1 == root["sha1"]
    (enterprise.folder / "chain.pem").write_text(pki.chain(entry.sha1))
    assert pki.chain(entry.sha1) == pki.chain(root["sha1"]) == openssl("x509", "-in", enterprise.chain)
    openssl(
        "verify", "-CAfile", enterprise.root, "-untrusted", enterprise.folder / "chain.pem",
        stdin=pki.pem(entry.sha1),
    )  # fmt: skip


def test_a_root_without_its_key_issues_nothing(pki: Pki, enterprise: Enterprise) -> None:
    pki.now = real_now()
    assert pki.root(source=Source(enterprise.root), passphrase=None).changed
    assert not pki.root(source=Source(enterprise.root), passphrase=None).changed
    assert "without the key" in pki.issue("mac-01").entries["mac-01"].msg
    with pytest.raises(UserVpnError, match="another root, chain or key"):
        pki.root(source=Source(enterprise.root, enterprise.root.with_suffix(".key"), "ca"))


def test_who_cannot_be_served_is_not_let_in_again(rooted: Pki, enterprise: Enterprise) -> None:
    rooted.issue("mac-01")
    rooted.end("mac-01")
    rooted.now = real_now()
    assert rooted.root(source=Source(enterprise.root), generation=2, passphrase=None).changed
    rooted.azure["AB" * 20] = "of somebody else"  # so that the call has something to note
    outcome = rooted.issue("mac-01", readmit=frozenset({"mac-01"}))
    assert rooted.sql("SELECT thumbprint FROM refusals") == [("AB" * 20,)]
    assert "without the key" in outcome.entries["mac-01"].msg
    assert rooted.sql("SELECT client FROM events WHERE what = 'readmitted'") == []


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("not self-signed", "not self-signed"),
        ("leaf", "not a CA"),
        ("wrong order", "has not been signed by"),
        ("other key", "does not belong to"),
        ("wrong passphrase", "key_source_passphrase is wrong"),
        ("no passphrase", "set key_source_passphrase"),
        ("no certificate", "holds a private key"),
        ("two certificates", "holds 2 certificates"),
        ("missing file", "cannot be read"),
        ("ended", "expired on"),
        ("too early", "not valid before"),
        ("ec", "RSA"),
    ],
)
def test_roots_that_are_refused(pki: Pki, enterprise: Enterprise, case: str, words: str) -> None:
    pki.now = real_now()
    pki.now += {"ended": 9000 * DAY, "too early": -9000 * DAY}.get(case, 0 * DAY)
    passphrase = {"wrong passphrase": "guess", "no passphrase": ""}.get(case, "ca")
    root, key, chain = enterprise.root, enterprise.root.with_suffix(".key"), None
    if case == "not self-signed":
        root = enterprise.chain
    elif case == "leaf":
        root = enterprise.folder / "leaf.pem"
        openssl(
            "req", "-x509", "-new", "-key", key, "-passin", "pass:ca", "-subj", "/CN=leaf", "-days", "4000",
            "-out", root, "-addext", "basicConstraints=critical,CA:FALSE",
        )  # fmt: skip
    elif case == "wrong order":
        chain = enterprise.chain
        chain.write_bytes(chain.read_bytes() + of(self_signed("other", any_key())).pem.encode())
    elif case == "other key":
        key = enterprise.chain.with_suffix(".key")
    elif case == "no certificate":
        root = key
    elif case == "two certificates":
        root.write_bytes(root.read_bytes() * 2)
    elif case == "missing file":
        root = enterprise.folder / "nowhere.pem"
    elif case == "ec":
        root.write_bytes(of(self_signed("ec", ec.generate_private_key(ec.SECP256R1()))).pem.encode())
    for check in (True, False):
        with pytest.raises(UserVpnError, match=words):
            pki.root(source=Source(root, key, passphrase, chain), check=check)
    assert not pki.exists


def self_signed(name: str, key: Any) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder(subject, subject, key.public_key(), 7)
        .not_valid_before(real_now() - DAY)
        .not_valid_after(real_now() + 4000 * DAY)
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .sign(key, hashes.SHA256())
    )


def test_the_same_root_is_no_new_generation(pki: Pki, enterprise: Enterprise) -> None:
    pki.now = real_now()
    source = Source(enterprise.root, enterprise.root.with_suffix(".key"), "ca")
    pki.root(source=source)
    with pytest.raises(UserVpnError, match="is the root of generation 1 already"):
        pki.root(source=source, generation=2)
