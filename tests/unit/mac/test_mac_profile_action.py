# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What mac_profile decides from what a Mac says."""

from __future__ import annotations

import hashlib
import json
import plistlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import sealing
from ansible_collections.vwan.user_vpn.tests.unit.mac.answering import IDENTIFIER, AnsweringMac, installed
from ansible_collections.vwan.user_vpn.tests.unit.mac.test_mac_keychain import issue
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import Pki

UUID, OLD = "5C1D8A4E-6A0B-5D0F-9A53-0C6E0B8E9D11", "00000000-6A0B-5D0F-9A53-0C6E0B8E9D11"
ROOT, CLIENT = "AB" * 32, "CD" * 32


def profile(**changes: Any) -> str:
    """A profile as mobileconfig writes it, as far as mac_profile reads it."""
    content = [
        {
            "PayloadType": "com.apple.security.root",
            "PayloadIdentifier": f"x.root.{ROOT}",
            "PayloadContent": b"r",
        },
        {
            "PayloadType": "com.apple.security.pkcs12",
            "PayloadIdentifier": f"x.client.{CLIENT}",
            "Password": "p",
        },
    ]
    whole = {
        "PayloadType": "Configuration",
        "PayloadIdentifier": IDENTIFIER,
        "PayloadUUID": UUID,
        "PayloadScope": "System",
        "PayloadDisplayName": "Contoso VPN",
        "PayloadContent": content,
    }
    return plistlib.dumps(whole | changes).decode()


PRESENT: dict[str, Any] = {"content": profile()}
ABSENT: dict[str, Any] = {"state": "absent", "identifier": IDENTIFIER}
HAS_IT: dict[str, Any] = {"profile": [installed(UUID)], "fingerprint": [ROOT, CLIENT]}


def test_a_mac_that_has_its_profile_costs_one_exec() -> None:
    mac = AnsweringMac(**HAS_IT)
    result = mac.run("mac_profile", PRESENT, diff=True)
    assert [(asked.verb, asked.identifier, asked.scope, asked.arguments) for asked in mac.asked] == [
        ("know", IDENTIFIER, "System", {"check": "0"})
    ]
    assert mac.asked[0].stdin == b"\n"
    assert (result["failed"], result["changed"], result["status"]) == (False, False, "installed")
    assert result["msg"] == "'Contoso VPN' is installed."
    assert (result["profile_uuid"], result["identifier"], result["missing_certificates"]) == (UUID, IDENTIFIER, [])
    assert (result["serial_number"], result["console_user"]) == ("C02TEST", "anna")
    assert "diff" not in result and "warnings" not in result


def test_it_is_offered_and_waited_for() -> None:
    mac = AnsweringMac({"stage": {"stage": "opened", **HAS_IT}}, profile=[installed(OLD)])
    said: list[str] = []
    result = mac.run("mac_profile", PRESENT | {"wait": 7}, diff=True, said=said)
    assert mac.verbs == ["know", "stage"]
    pane = "x-apple.systempreferences:com.apple.Profiles-Settings.extension"
    assert mac.asked[1].arguments == {
        "uuid": UUID, "pane": pane, "wait": "7", "settle": "10", "token": "", "name": "",
    }  # fmt: skip
    assert mac.asked[1].stdin == PRESENT["content"].encode()
    assert (result["changed"], result["status"], result["msg"]) == (True, "installed", "'Contoso VPN' is installed.")
    assert result["diff"] == {
        "before_header": f"configuration profile {IDENTIFIER} on test-host",
        "after_header": f"configuration profile {IDENTIFIER} on test-host",
        "before": f"ProfileUUID: {OLD}\n",
        "after": f"ProfileUUID: {UUID}\n",
    }
    (line,) = said
    assert "waiting up to 7 s for anna to approve 'Contoso VPN'" in line and "Device Management" in line


def test_whoever_does_not_wait_is_told_what_to_do() -> None:
    mac = AnsweringMac({"stage": {"stage": "opened"}}, macos_version="12.7")
    said: list[str] = []
    result = mac.run("mac_profile", PRESENT, diff=True, said=said)
    assert mac.asked[1].arguments["pane"] == "/System/Library/PreferencePanes/Profiles.prefPane"
    assert (mac.asked[1].arguments["wait"], mac.asked[1].arguments["settle"]) == ("0", "10")
    assert (result["failed"], result["changed"], result["status"]) == (False, True, "pending_approval")
    assert "waits for anna to approve it in System Preferences > Profiles; run again" in result["msg"]
    assert said == [f"[test-host] {result['msg']}"]
    assert result["diff"]["before"] == "" and UUID in result["diff"]["after"]


@pytest.mark.parametrize(
    ("args", "said", "status", "words"),
    [
        ({}, {"console_user": ""}, "no_console_user", "nobody is logged in at the screen"),
        ({"delivery": "mdm"}, {}, "mdm_required", "let the MDM deliver the exported file"),
        ({"delivery": "mdm"}, {"console_user": ""}, "mdm_required", "let the MDM deliver the exported file"),
        ({"delivery": "mdm"}, {"profile": [installed(OLD)]}, "mdm_required", "let the MDM deliver"),
        ({"delivery": "mdm"}, HAS_IT, "installed", "is installed"),
    ],
)
def test_what_is_not_offered_is_no_change(args: dict[str, Any], said: Any, status: str, words: str) -> None:
    mac = AnsweringMac(**said)
    for check in (False, True):
        result = mac.run("mac_profile", PRESENT | args, check=check)
        assert mac.verbs == ["know"]
        assert (result["changed"], result["status"]) == (False, status)
        assert words in result["msg"]


def test_check_mode_offers_nothing_and_cleans_nothing() -> None:
    mac = AnsweringMac(leftover="anna")
    result = mac.run("mac_profile", PRESENT, check=True, diff=True)
    assert [(asked.verb, asked.arguments) for asked in mac.asked] == [("know", {"check": "1"})]
    assert (result["changed"], result["status"]) == (True, "pending_approval")
    assert result["diff"]["after"] == f"ProfileUUID: {UUID}\n"
    assert "is still there; a real run removes it" in result["warnings"][0]


@pytest.mark.parametrize(
    ("said", "changed", "words"),
    [
        ({}, True, "staged for anna was removed."),
        ({"stuck": "1"}, False, "could not be removed: delete Library/Caches/vwan.user_vpn in the home of anna"),
    ],
)
@pytest.mark.parametrize("state", ["present", "absent"])
def test_what_a_killed_run_has_left(said: dict[str, Any], changed: bool, words: str, state: str) -> None:
    mac = AnsweringMac(leftover="anna", **said, **(HAS_IT if state == "present" else {}))
    result = mac.run("mac_profile", PRESENT if state == "present" else ABSENT)
    assert result["changed"] is changed
    assert words in result["warnings"][0]
    assert mac.verbs == ["know"]


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize(
    ("scope", "user", "refused"),
    [("System", "anna", True), ("User", "anna", False), ("User", "ben", True), ("User", "root", False)],
)
def test_who_may_do_it(state: str, scope: str, user: str, refused: bool) -> None:
    mac = AnsweringMac(user=user, uid="0" if user == "root" else "501")
    args = {"content": profile(PayloadScope=scope)} if state == "present" else ABSENT | {"scope": scope}
    result = mac.run("mac_profile", args)
    assert result["failed"] is refused
    if refused:
        assert mac.verbs == ["know"]
        assert f"{user} may not read or install {scope} profiles on this Mac: set become: true" in result["msg"]
    else:
        assert {asked.scope for asked in mac.asked} == {scope}


@pytest.mark.parametrize(
    ("stage", "message", "words"),
    [
        ("cannot_write", "", "could not be written to the session of anna: is the disk full? Nothing was left"),
        ("cannot_write", "No space left", "could not be written to the session of anna: No space left"),
        ("cannot_open", "LSOpen failed", "could not be opened in the session of anna: LSOpen failed"),
        ("cannot_complete", "", "could not complete the profile: the private key there is not the one"),
    ],
)
def test_why_it_could_not_be_offered(stage: str, message: str, words: str) -> None:
    mac = AnsweringMac({"stage": {"stage": stage, "message": message}})
    result = mac.run("mac_profile", PRESENT)
    assert result["failed"] and words in result["msg"]


def test_a_key_that_lies_there_still_goes_once_the_profile_is_installed() -> None:
    mac = AnsweringMac(key="1", **HAS_IT)
    for check, verbs in ((True, ["know"]), (False, ["know", "drop_key"])):
        result = mac.run("mac_profile", PRESENT, check=check)
        assert (result["changed"], result["status"], mac.verbs) == (True, "installed", verbs)
    assert mac.asked[1].identifier == IDENTIFIER and mac.asked[1].scope == "System"


def test_a_profile_whose_key_is_on_the_mac_is_completed_there() -> None:
    der = issue("mac-anna").public_bytes(Encoding.DER)
    name = f"mac-anna {hashlib.sha1(der).hexdigest()[:8].upper()}"  # as mobileconfig calls it
    payload = {"PayloadType": "com.apple.security.pkcs12", "PayloadIdentifier": "x.client", "PayloadContent": der}
    payload["PayloadDisplayName"] = name
    args = {"content": profile(PayloadContent=[payload])}
    mac = AnsweringMac({"stage": {"stage": "opened", "profile": [installed(UUID)]}}, key="1")
    assert mac.run("mac_profile", args)["status"] == "installed"
    stage = mac.asked[1]
    token = stage.arguments["token"]
    assert stage.arguments["name"] == name
    assert stage.stdin.startswith(b"-----BEGIN CERTIFICATE-----")
    assert stage.stdin.count(token.encode()) == 2 and b"</plist>" in stage.stdin

    bare = AnsweringMac()
    refused = bare.run("mac_profile", args)
    assert refused["failed"] and "is not on the Mac: run mac_key" in refused["msg"] and bare.verbs == ["know"]
    refused = bare.run("mac_profile", args | {"delivery": "mdm"})
    assert refused["failed"] and "no MDM can deliver it" in refused["msg"]


def test_what_macos_says_is_installed_may_lack_certificates() -> None:
    mac = AnsweringMac(profile=[installed(UUID)], fingerprint=[CLIENT])
    result = mac.run("mac_profile", PRESENT)
    assert (result["status"], result["missing_certificates"]) == ("installed", [ROOT])
    assert "1 of its certificates are not in the keychain" in result["warnings"][0] and ROOT in result["warnings"][0]
    # What is not installed lacks nothing.
    waiting = AnsweringMac({"stage": {"stage": "opened"}}).run("mac_profile", PRESENT)
    assert waiting["missing_certificates"] == [] and "warnings" not in waiting


def test_the_other_scopes_profile_is_not_ours() -> None:
    mac = AnsweringMac(profile=[installed(UUID, scope="anna")])
    assert mac.run("mac_profile", PRESENT, check=True)["status"] == "pending_approval"
    assert mac.run("mac_profile", ABSENT)["changed"] is False


def test_it_is_removed() -> None:
    mac = AnsweringMac({"remove": {"profile": []}}, profile=[installed(UUID)])
    predicted = mac.run("mac_profile", ABSENT, check=True, diff=True)
    assert mac.verbs == ["know"]
    result = mac.run("mac_profile", ABSENT, diff=True)
    assert [(asked.verb, asked.identifier, asked.scope) for asked in mac.asked] == [
        ("know", IDENTIFIER, "System"),
        ("remove", IDENTIFIER, "System"),
    ]
    assert (result["changed"], result["status"], result["profile"]) == (True, "removed", {})
    assert result["diff"] == predicted["diff"]
    assert (result["diff"]["before"], result["diff"]["after"]) == (f"ProfileUUID: {UUID}\n", "")
    again = mac.run("mac_profile", ABSENT, diff=True)
    assert (again["changed"], mac.verbs) == (False, ["know"])
    assert "diff" not in again


@pytest.mark.parametrize(("message", "words"), [("It is locked.", "It is locked."), ("", "no reason was given")])
def test_a_profile_that_macos_keeps(message: str, words: str) -> None:
    mac = AnsweringMac({"remove": {"message": message}}, profile=[installed(UUID)])
    result = mac.run("mac_profile", ABSENT)
    assert result["failed"]
    assert words in result["msg"] and "by that MDM only" in result["msg"]


def test_with_the_profile_a_key_on_the_disk_goes_too() -> None:
    mac = AnsweringMac({"drop_key": {"key": []}}, key="1")
    assert mac.run("mac_profile", ABSENT, check=True)["changed"] is True
    assert mac.verbs == ["know"]
    result = mac.run("mac_profile", ABSENT)
    assert (result["changed"], mac.verbs) == (True, ["know", "drop_key"])


@pytest.mark.parametrize(
    ("args", "said", "status", "changed"),
    [
        ({}, {}, "pending_approval", True),
        ({}, {"console_user": ""}, "no_console_user", False),
        ({}, {"console_user": "", "leftover": "anna"}, "no_console_user", True),
        ({"delivery": "mdm"}, {}, "mdm_required", False),
    ],
)
def test_check_mode_before_the_profile_is_rendered(
    args: dict[str, Any], said: dict[str, Any], status: str, changed: bool, tmp_path: Path
) -> None:
    given = {"src": str(tmp_path / "none.mobileconfig"), "identifier": IDENTIFIER, "scope": "System"} | args
    mac = AnsweringMac(profile=[installed(OLD)], **said)
    result = mac.run("mac_profile", given, check=True, diff=True)
    assert (result["failed"], result["status"], result["changed"]) == (False, status, changed)
    if changed:
        assert result["diff"]["before"] == f"ProfileUUID: {OLD}\n"
        assert result["diff"]["after"] == "ProfileUUID: (not rendered yet)\n"
    assert mac.run("mac_profile", given)["failed"]
    assert mac.asked == []


def test_check_mode_before_the_profile_is_rendered_needs_its_identifier(tmp_path: Path) -> None:
    result = AnsweringMac().run("mac_profile", {"src": str(tmp_path / "none.mobileconfig")}, check=True)
    assert result["failed"] and "set identifier as well" in result["msg"]


def test_in_check_mode_the_version_before_this_runs_does_not_count(tmp_path: Path) -> None:
    file = tmp_path / "mac.mobileconfig"
    file.write_text(profile(PayloadUUID=OLD))
    mac = AnsweringMac(profile=[installed(OLD)])
    args = {"src": str(file), "identifier": IDENTIFIER, "profile_uuid": UUID}
    assert mac.run("mac_profile", args, check=True)["status"] == "pending_approval"
    args["profile_uuid"] = OLD
    assert mac.run("mac_profile", args, check=True)["status"] == "installed"
    del args["profile_uuid"]
    assert mac.run("mac_profile", args, check=True)["status"] == "installed"


def test_two_identifiers_are_an_error_before_the_mac_is_asked() -> None:
    mac = AnsweringMac()
    result = mac.run("mac_profile", PRESENT | {"identifier": "com.example.other"})
    assert result["failed"] and mac.asked == []
    assert f"The profile's identifier is {IDENTIFIER}, not com.example.other" in result["msg"]


def test_the_serial_number_reaches_the_manifest(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text('{"version": 1, "profiles": {}}')
    mac = AnsweringMac(**HAS_IT)
    mac.run("mac_profile", PRESENT | {"manifest": str(manifest)}, check=True)
    assert "C02TEST" not in manifest.read_text()
    mac.run("mac_profile", PRESENT | {"manifest": str(manifest)})
    assert "C02TEST" in json.dumps(json.loads(manifest.read_text()))
    mac.said["serial_number"] = []
    mac.run("mac_profile", PRESENT | {"manifest": str(manifest)})
    assert "C02TEST" in manifest.read_text()


def test_that_nothing_could_be_written_down_is_found_before_the_mac_is_asked(tmp_path: Path) -> None:
    mac = AnsweringMac(**HAS_IT)
    for args in (PRESENT, ABSENT):
        result = mac.run("mac_profile", args | {"pki": str(tmp_path / "none")})
        assert result["failed"] and mac.asked == []
        assert not mac.run("mac_profile", args | {"pki": str(tmp_path / "none")}, check=True)["failed"]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pki:
    monkeypatch.setattr(sealing, "SCRYPT", {"n": 1 << 14, "r": 8, "p": 1})
    pki = Pki(str(tmp_path / "pki.db"), datetime.now(UTC))
    pki.root()
    pki.issue("mac-anna")
    return pki


def with_identity(store: Pki) -> str:
    """A profile with the client's identity in the store."""
    client = {
        "PayloadType": "com.apple.security.pkcs12",
        "PayloadIdentifier": f"x.client.{store.certificates('mac-anna')[0].sha256}",
        "Password": "p",
    }
    return profile(PayloadContent=[client])


def mac_with_it(store: Pki, **said: Any) -> AnsweringMac:
    return AnsweringMac(**HAS_IT | {"fingerprint": [store.certificates("mac-anna")[0].sha256]} | said)


def test_what_a_mac_was_seen_with_is_in_the_store_once(store: Pki) -> None:
    args = {"content": with_identity(store), "pki": store.option}
    mac = mac_with_it(store)
    before = store.content()
    mac.run("mac_profile", args, check=True)
    assert store.content() == before
    assert "warnings" not in mac.run("mac_profile", args)
    columns = "host, identifier, serial_number, status, profile_uuid, shown_uuid, profile_sha256, certificate_sha1"
    assert store.sql(f"SELECT {columns} FROM deliveries") == [
        (
            "test-host", IDENTIFIER, "C02TEST", "installed", UUID, UUID,
            hashlib.sha256(args["content"].encode()).hexdigest(), store.certificates("mac-anna")[0].sha1,
        )
    ]  # fmt: skip
    before = store.content()
    mac.run("mac_profile", args)
    assert store.content() == before
    mac.after["remove"] = {"profile": []}
    mac.run("mac_profile", ABSENT | {"pki": store.option})
    assert store.sql("SELECT status, shown_uuid FROM deliveries ORDER BY id DESC LIMIT 1") == [("removed", "")]


def test_a_second_mac_with_the_same_identity_is_said(store: Pki) -> None:
    args = {"content": with_identity(store), "pki": store.option}
    mac_with_it(store).run("mac_profile", args)
    second = mac_with_it(store, serial_number="C02OTHER")
    (warning,) = second.run("mac_profile", args)["warnings"]
    assert "2 Macs have the identity that is in this profile: C02OTHER (test-host), C02TEST (test-host)." in warning
    assert "warnings" not in second.run("mac_profile", args)  # it is written down, and client_certificates says it
    second.after["remove"] = {"profile": []}
    second.run("mac_profile", ABSENT | {"pki": store.option})
    third = mac_with_it(store, serial_number="")
    assert "warnings" not in third.run("mac_profile", args)
