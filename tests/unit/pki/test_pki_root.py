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
from asn1crypto import keys as asn1_keys
from asn1crypto import pem as asn1_pem
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.roots import RootRequest, Source, ensure_root
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


def test_what_openssl_sees(pki: Pki) -> None:
    root = pki.root().current
    text = openssl("x509", "-in", root["certificate_path"], "-noout", "-text", "-fingerprint", "-sha1")
    assert "Signature Algorithm: sha256WithRSAEncryption" in text
    assert "Public-Key: (2048 bit)" in text
    assert re.search(r"Subject: CN ?= ?P2SRootCert", text)
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
    pem = openssl("x509", "-in", root["certificate_path"])
    assert der == base64.b64decode("".join(pem.splitlines()[1:-1]))


def test_the_key_is_encrypted_and_fits(pki: Pki) -> None:
    root = pki.root().current
    key = Path(root["certificate_path"]).with_name("root.key")
    scheme = asn1_keys.EncryptedPrivateKeyInfo.load(asn1_pem.unarmor(key.read_bytes())[2])["encryption_algorithm"]
    assert scheme["algorithm"].native == "pbes2"
    assert scheme["parameters"]["encryption_scheme"]["algorithm"].native == "aes256_cbc"
    public = openssl("pkey", "-in", key, "-passin", "stdin", "-pubout", stdin=PASSPHRASE)
    assert public == openssl("x509", "-in", root["certificate_path"], "-noout", "-pubkey")


def test_the_second_run_changes_nothing_and_check_mode_writes_nothing(pki: Pki) -> None:
    foreseen = pki.root(check=True)
    assert foreseen.changed
    assert foreseen.current["sha1"] == foreseen.current["public_cert_data"] == ""
    assert not pki.path.exists()
    made = pki.root()
    assert made.changed
    before = pki.tree()
    for check in (False, True):
        again = pki.root(check=check)
        assert (again.changed, again.current, again.roots) == (False, made.current, made.roots)
    assert pki.tree() == before


@pytest.mark.parametrize("size", [3072, 4096])
def test_the_key_size_is_asked_for(pki: Pki, size: int) -> None:
    asked: list[int] = []

    def note(size: int) -> Any:
        asked.append(size)
        return any_key()

    ensure_root(pki.folder, RootRequest(passphrase=PASSPHRASE, key_size=size), now=NOW, make_key=note)
    assert asked == [size]


def test_a_wrong_passphrase_is_one_sentence(rooted: Pki) -> None:
    before = rooted.tree()
    for wrong in ("guess", "x" * 2000):
        with pytest.raises(UserVpnError, match=r"root\.key cannot be opened: passphrase is wrong") as caught:
            rooted.root(passphrase=wrong)
        assert wrong not in str(caught.value)
    with pytest.raises(UserVpnError, match="Set passphrase"):
        rooted.root(passphrase=None)
    assert rooted.tree() == before


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"passphrase": None}, "Set passphrase"),
        ({"passphrase": ""}, "1 to 1023 bytes"),
        ({"passphrase": "x" * 1024}, "1 to 1023 bytes"),
        ({"valid_days": 0}, "valid_days"),
        ({"valid_days": 10**9}, "valid_days"),
        ({"common_name": ""}, "common_name"),
        ({"common_name": "x" * 65}, "common_name"),
        ({"common_name": "a\nb"}, "common_name"),
        ({"key_size": 1024}, "key_size"),
        ({"generation": 0}, "generation"),
    ],
)
def test_what_cannot_be_made_leaves_no_folder(pki: Pki, wanted: dict[str, Any], words: str) -> None:
    for check in (True, False):
        with pytest.raises(UserVpnError, match=words):
            pki.root(check=check, **wanted)
    assert not pki.path.exists()


def test_a_root_is_not_altered(rooted: Pki) -> None:
    for wanted in ({"common_name": "Other"}, {"key_size": 4096}):
        with pytest.raises(UserVpnError, match=r"cannot be altered.*set generation to 2"):
            rooted.root(**wanted)
    assert not rooted.root(valid_days=30).changed


def test_a_lost_certificate_comes_back_and_a_lost_key_does_not(rooted: Pki) -> None:
    root = rooted.root().current
    file = Path(root["certificate_path"])
    content = file.read_bytes()
    file.write_bytes(content[:100])
    assert rooted.root(check=True).changed
    assert file.read_bytes() == content[:100]
    assert rooted.root().changed
    assert file.read_bytes() == content
    key = file.with_name("root.key")
    key.write_bytes(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    with pytest.raises(UserVpnError, match=r"root\.key is missing or damaged; restore it"):
        rooted.root()
    key.unlink()
    with pytest.raises(UserVpnError, match="raise generation"):
        rooted.issue("mac-01")


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
    assert Path(first["certificate_path"]).exists()


def test_retiring_waits_for_the_clients(rooted: Pki) -> None:
    rooted.issue("mac-01")
    first = rooted.root().current
    rooted.root(generation=2)
    for check in (False, True):
        with pytest.raises(UserVpnError, match=r"is still needed by 1 clients \(mac-01\)"):
            rooted.retire(1, check=check)
    moved = rooted.issue("mac-01").entries["mac-01"]
    assert moved.reason == "root_rotated"
    for status in ("", "pending_approval"):
        if status:
            rooted.seen("mac-01", moved.sha1, status)
        with pytest.raises(UserVpnError, match="nobody has seen newer ones on their Macs yet"):
            rooted.retire(1)
    rooted.seen("mac-01", moved.sha1)
    before = rooted.tree()
    foreseen = rooted.retire(1, check=True)
    assert foreseen.changed
    assert rooted.tree() == before
    done = rooted.retire(1)
    assert (done.changed, done.roots) == (True, foreseen.roots)
    assert [(r["generation"], r["state"]) for r in done.roots] == [(1, "retired"), (2, "current")]
    folder = Path(first["certificate_path"]).parent
    assert sorted(p.name for p in folder.iterdir()) == ["generation", "root.pem"]
    assert not rooted.retire(1).changed
    assert rooted.sql("SELECT what, reason FROM events WHERE sha1 = ? ORDER BY id", first["sha1"])[-2:] == [
        ("retired", "unused"),
        ("key_destroyed", "retired"),
    ]


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
    assert not pki.path.exists()


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
    assert not pki.path.exists()
    taken = pki.root(source=source)
    assert (taken.changed, taken.current) == (True, foreseen.current)
    assert taken.current["common_name"] == "root"
    enterprise.root.with_suffix(".key").unlink()  # not needed any more
    assert not pki.root(source=source).changed
    with pytest.raises(UserVpnError, match="certificate_source"):
        pki.root()
    entry = pki.issue("mac-01").entries["mac-01"]
    openssl("verify", "-CAfile", enterprise.root, entry.certificate_path)


def test_an_issuing_ca_below_an_enterprise_root(pki: Pki, enterprise: Enterprise) -> None:
    pki.now = real_now()
    source = Source(enterprise.root, enterprise.chain.with_suffix(".key"), "ca", enterprise.chain)
    root = pki.root(source=source).current
    assert not pki.root(source=source).changed
    entry = pki.issue("mac-01").entries["mac-01"]
    assert entry.chain_path == root["chain_path"]
    assert entry.root_sha1 == root["sha1"]
    assert pki.issue("mac-01").entries["mac-01"].chain_path == root["chain_path"]
    openssl(
        "verify", "-CAfile", root["certificate_path"], "-untrusted", entry.chain_path,
        entry.certificate_path,
    )  # fmt: skip
    Path(entry.chain_path).unlink()
    assert pki.root(source=source).changed
    assert Path(entry.chain_path).read_bytes() == openssl("x509", "-in", enterprise.chain).encode()


def test_a_root_without_its_key_issues_nothing(pki: Pki, enterprise: Enterprise) -> None:
    pki.now = real_now()
    assert pki.root(source=Source(enterprise.root), passphrase=None).changed
    assert not pki.root(source=Source(enterprise.root), passphrase=None).changed
    assert "without the key" in pki.issue("mac-01").entries["mac-01"].msg
    with pytest.raises(UserVpnError, match="another root, chain or key"):
        pki.root(source=Source(enterprise.root, enterprise.root.with_suffix(".key"), "ca"))


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
    assert not pki.path.exists()


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
