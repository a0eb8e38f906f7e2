# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What mac_certificate decides from what a Mac says of its keychain."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509 import CertificateSigningRequestBuilder, Name, load_pem_x509_certificate

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import sealing
from ansible_collections.vwan.user_vpn.tests.unit.mac.answering import AnsweringMac
from ansible_collections.vwan.user_vpn.tests.unit.mac.test_mac_keychain import KEY, PASSWORD, issue, sha1
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import PASSPHRASE, Pki

CLIENT, OLDER, ROOT, LEAF = issue(), issue(), issue("Gateway Root", "Gateway Root"), issue("Gateway Issuing CA")
NEW, OLD, TOP = sha1(CLIENT), sha1(OLDER), sha1(ROOT)


def pem(certificate: Any) -> str:
    return str(certificate.public_bytes(Encoding.PEM).decode())


@pytest.fixture
def args(tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "mac.p12"
    encryption = BestAvailableEncryption(PASSWORD.encode())
    file.write_bytes(pkcs12.serialize_key_and_certificates(b"x", KEY, CLIENT, None, encryption))
    return {
        "gateway_roots": [{"pem": pem(ROOT), "sha1": TOP}],
        "identity": {"pkcs12_path": str(file), "password": PASSWORD},
    }


def holding(*certificates: Any, keys: Any = (), **more: Any) -> dict[str, Any]:
    """What a Mac says of a keychain; `named` is what it holds of the client's name."""
    return {
        "certificate": [sha1(each) for each in certificates],
        "identity": [sha1(each) for each in keys],
        "named": [base64.b64encode(each.public_bytes(Encoding.DER)).decode() for each in keys],
        **more,
    }


BOTH = holding(ROOT, CLIENT, keys=[CLIENT])
TRUSTED = BOTH | {"trusted": ["0"]}
EMPTY = holding()


def test_a_mac_that_has_them_costs_one_exec(args: dict[str, Any]) -> None:
    mac = AnsweringMac(**TRUSTED)
    result = mac.run("mac_certificate", args, diff=True)
    (asked,) = mac.asked
    assert (asked.verb, asked.identifier, asked.scope) == ("look", "-", "System")
    assert asked.arguments == {"check": "0", "name": "mac-anna"}
    assert asked.stdin == base64.b64encode(ROOT.public_bytes(Encoding.DER)) + b"\n"
    assert (result["failed"], result["changed"], result["status"]) == (False, False, "installed")
    assert result["msg"] == "Both the client and the root certificate are installed."
    assert (result["client_sha1"], result["root_sha1"]) == (NEW, [TOP])
    assert (result["added"], result["removed"], result["untrusted_roots"]) == ([], [], [])
    assert "diff" not in result


def test_what_is_missing_comes_in_and_the_older_identity_goes(args: dict[str, Any]) -> None:
    mac = AnsweringMac({"change": BOTH}, **holding(OLDER, keys=[OLDER]))
    predicted = mac.run("mac_certificate", args, check=True, diff=True)
    assert [(asked.verb, asked.arguments["check"]) for asked in mac.asked] == [("look", "1")]
    assert predicted["msg"].startswith("A real run would install the certificates. macOS 15.5 lets only a person")
    result = mac.run("mac_certificate", args, diff=True)
    assert mac.verbs == ["look", "change"]
    assert (mac.asked[1].scope, mac.asked[1].arguments) == ("System", {"new": NEW, "going": f"identity:{OLD}"})
    first, root, client = mac.asked[1].stdin.decode().rstrip("\n").split("\n")
    assert (first, root.split()[:2], client.split()[0]) == ("", ["cer", "-"], "p12")
    assert (result["changed"], result["status"], result["added"], result["removed"]) == (
        True,
        "installed",
        [TOP, NEW],
        [OLD],
    )
    assert result["untrusted_roots"] == [TOP]
    assert f"for {TOP}, open Keychain Access > System > Certificates" in result["msg"]
    assert result["diff"] == predicted["diff"]
    assert result["diff"]["before_header"] == result["diff"]["after_header"] == "System keychain on test-host"
    assert result["diff"]["before"] == f"identity {OLD}\n"
    root_line, client_line = result["diff"]["after"].splitlines()
    assert root_line.startswith(f"root {TOP} ") and client_line.startswith(f"identity {NEW} ")


def test_the_login_keychain_is_its_users(args: dict[str, Any]) -> None:
    args |= {"keychain": "login", "keychain_password": "of anna"}
    mac = AnsweringMac({"change": BOTH}, **EMPTY)
    result = mac.run("mac_certificate", args, diff=True)
    assert [asked.scope for asked in mac.asked] == ["User", "User"]
    assert mac.asked[1].stdin.startswith(b'"of anna"\n')
    assert result["diff"]["before_header"] == "login keychain on test-host"
    assert "Keychain Access > login >" in result["msg"]
    # The System keychain has none, so none is sent.
    system = AnsweringMac({"change": BOTH}, **EMPTY)
    system.run("mac_certificate", args | {"keychain": "System"})
    assert system.asked[1].stdin.startswith(b"\n")


def test_nobody_at_the_screen_has_no_login_keychain(args: dict[str, Any]) -> None:
    for state in ("present", "absent"):
        mac = AnsweringMac(**EMPTY, console_user="")
        result = mac.run("mac_certificate", args | {"keychain": "login", "state": state}, diff=True)
        assert (mac.verbs, result["changed"], result["status"]) == (["look"], False, "no_console_user")
        assert "Nobody is at the screen" in result["msg"] and "diff" not in result
    mac = AnsweringMac({"change": BOTH}, **EMPTY, console_user="")
    assert mac.run("mac_certificate", args)["status"] == "installed"


@pytest.mark.parametrize(
    ("keychain", "user", "refused"),
    [("System", "anna", True), ("login", "anna", False), ("login", "ben", True), ("login", "root", False)],
)
def test_who_may(args: dict[str, Any], keychain: str, user: str, refused: bool) -> None:
    mac = AnsweringMac(**TRUSTED, user=user, uid="0" if user == "root" else "501")
    result = mac.run("mac_certificate", args | {"keychain": keychain})
    assert result["failed"] is refused
    if refused:
        assert f"{user} may not write the {keychain} keychain of this Mac: set become: true" in result["msg"]


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (
            {"stage": "cannot_write", "message": "No space left"},
            "could not be staged on the Mac: No space left. Nothing",
        ),
        ({"message": "SecKeychainItemImport: One."}, "did not take all of them: SecKeychainItemImport: One. What was"),
        (holding(ROOT), "did not take all of them: the Mac gave no reason. What was there is still there."),
        (holding(CLIENT, keys=[CLIENT]), "did not take all of them"),
        (holding(ROOT, CLIENT), "did not take all of them"),
        (holding(ROOT, CLIENT, OLDER, keys=[CLIENT, OLDER]), f"did not let go of {OLD}"),
    ],
    ids=["full", "reason", "identity", "root", "key", "older"],  # a fingerprint would be another one in each worker
)
def test_what_the_mac_refuses(args: dict[str, Any], after: dict[str, Any], words: str) -> None:
    mac = AnsweringMac({"change": after}, **holding(OLDER, keys=[OLDER]))
    result = mac.run("mac_certificate", args)
    assert result["failed"] and words in result["msg"]


def test_a_locked_login_keychain_is_explained(args: dict[str, Any]) -> None:
    message = {"message": "SecKeychainItemImport: User interaction is not allowed."}
    for keychain, words in (("login", "The login keychain of anna is locked for ssh"), ("System", "it did not")):
        result = AnsweringMac({"change": message}, **EMPTY).run("mac_certificate", args | {"keychain": keychain})
        assert result["failed"]
        assert (words in result["msg"]) == (keychain == "login")


def test_only_a_root_has_to_be_trusted(args: dict[str, Any]) -> None:
    args["gateway_roots"] = [{"pem": pem(LEAF)}, {"pem": pem(ROOT)}]
    everything = holding(ROOT, LEAF, CLIENT, keys=[CLIENT])
    assert AnsweringMac(**everything).run("mac_certificate", args)["untrusted_roots"] == [TOP]
    assert AnsweringMac(**everything, trusted=["1"]).run("mac_certificate", args)["untrusted_roots"] == []
    absent = AnsweringMac(**EMPTY).run("mac_certificate", args | {"state": "absent"})
    assert absent["untrusted_roots"] == []


def test_what_is_unwanted_goes(args: dict[str, Any]) -> None:
    args |= {"state": "absent", "fingerprints": [OLD.lower()]}
    mac = AnsweringMac({"change": EMPTY}, **holding(ROOT, CLIENT, OLDER, LEAF, keys=[CLIENT]))
    predicted = mac.run("mac_certificate", args, check=True, diff=True)
    assert (predicted["changed"], predicted["msg"], mac.verbs) == (True, "A real run would remove them.", ["look"])
    result = mac.run("mac_certificate", args, diff=True)
    going = {TOP: "certificate", NEW: "identity", OLD: "certificate"}
    assert mac.asked[1].arguments == {"new": "", "going": " ".join(f"{going[each]}:{each}" for each in sorted(going))}
    assert (result["changed"], result["status"], result["removed"]) == (True, "removed", sorted(going))
    assert result["msg"] == "None of these certificates is in the System keychain."
    assert result["diff"] == predicted["diff"]
    assert result["diff"]["before"] == "".join(f"{going[each]} {each}\n" for each in sorted(going))
    again = mac.run("mac_certificate", args)
    assert (again["changed"], mac.verbs) == (False, ["look"])
    stays = AnsweringMac(**holding(ROOT)).run("mac_certificate", args)
    assert stays["failed"] and f"did not let go of {TOP}" in stays["msg"]


def test_fingerprints_say_what_goes_only(args: dict[str, Any]) -> None:
    mac = AnsweringMac(**TRUSTED)
    result = mac.run("mac_certificate", args | {"fingerprints": [OLD]})
    assert result["failed"] and "fingerprints only says what is to go" in result["msg"] and mac.asked == []


def test_roots_come_from_files_in_either_form_and_each_once(args: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "root.cer").write_bytes(ROOT.public_bytes(Encoding.DER))
    (tmp_path / "both.pem").write_text(pem(ROOT) + pem(LEAF))
    args |= {"roots": [str(tmp_path / "root.cer"), str(tmp_path / "both.pem")]}
    del args["identity"]
    result = AnsweringMac(**EMPTY).run("mac_certificate", args, check=True)
    assert result["root_sha1"] == result["added"] == [TOP, sha1(LEAF)]
    assert result["client_sha1"] == "" and "The certificates" not in result["msg"]
    there = AnsweringMac(**holding(ROOT, LEAF), trusted=["0"]).run("mac_certificate", args)
    assert there["msg"] == "The certificates are installed."


def test_an_identity_that_is_not_issued_yet(args: dict[str, Any]) -> None:
    args["identity"]["pkcs12_path"] += ".none"
    mac = AnsweringMac(**TRUSTED)
    predicted = mac.run("mac_certificate", args, check=True)
    assert (predicted["changed"], predicted["client_sha1"]) == (True, "")
    assert mac.run("mac_certificate", args | {"state": "absent"}, check=True)["removed"] == [TOP]
    mac.said |= EMPTY
    assert mac.run("mac_certificate", args | {"state": "absent"}, check=True)["changed"] is False
    assert mac.run("mac_certificate", args)["failed"]


def test_what_a_killed_run_has_left_is_a_change(args: dict[str, Any]) -> None:
    for said, changed in (({}, True), ({"stuck": "1"}, False)):
        result = AnsweringMac(**TRUSTED, leftover="anna", **said).run("mac_certificate", args)
        assert result["changed"] is changed and "staged for anna" in result["warnings"][0]


# -- out of the store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pki:
    monkeypatch.setattr(sealing, "SCRYPT", {"n": 1 << 14, "r": 8, "p": 1})
    pki = Pki(str(tmp_path / "pki.db"), datetime.now(UTC))
    pki.root()
    pki.issue("mac-anna")
    return pki


def test_only_an_import_opens_the_store(store: Pki) -> None:
    client = {"pki": store.option, "client": "mac-anna"}
    certificate = load_pem_x509_certificate(store.identity("mac-anna").pem)
    there = AnsweringMac(**holding(certificate, keys=[certificate]))
    result = there.run("mac_certificate", client)
    assert (result["failed"], result["changed"], result["client_sha1"]) == (False, False, sha1(certificate))
    missing = AnsweringMac({"change": holding(certificate, keys=[certificate])}, **EMPTY)
    assert missing.run("mac_certificate", client, check=True)["changed"]
    refused = missing.run("mac_certificate", client)
    assert "Set passphrase" in refused["msg"]
    assert missing.verbs == ["look"]
    done = missing.run("mac_certificate", client | {"passphrase": PASSPHRASE})
    assert (done["failed"], done["added"]) == (False, [sha1(certificate)])
    _empty, line = missing.asked[-1].stdin.decode().splitlines()
    kind, password, packed, _label = line.split(" ", 3)
    assert kind == "p12"
    identity = store.identity("mac-anna").identity
    assert identity and password != identity.password
    assert pkcs12.load_pkcs12(base64.b64decode(packed), password.encode()).cert.certificate == certificate  # type: ignore[union-attr]


def test_a_client_that_the_store_does_not_have(store: Pki) -> None:
    mac = AnsweringMac(**EMPTY)
    asked = {"pki": store.option, "client": "mac-ben", "passphrase": PASSPHRASE}
    assert "has no certificate for the client mac-ben" in mac.run("mac_certificate", asked)["msg"]
    predicted = mac.run("mac_certificate", asked, check=True)
    assert (predicted["failed"], predicted["changed"], predicted["client_sha1"]) == (False, True, "")
    assert not mac.run("mac_certificate", asked | {"state": "absent"})["changed"]
    assert "pki" in mac.run("mac_certificate", {"client": "mac-ben"})["msg"]


def test_a_key_that_is_on_its_mac_alone_comes_into_no_keychain(store: Pki) -> None:
    request = CertificateSigningRequestBuilder().subject_name(Name([])).sign(KEY, SHA256())
    store.issue("mac-ben", csrs={"mac-ben": request.public_bytes(Encoding.PEM).decode()})
    asked = {"pki": store.option, "client": "mac-ben", "passphrase": PASSPHRASE}
    assert "made on its Mac and is on it alone" in AnsweringMac(**EMPTY).run("mac_certificate", asked)["msg"]
