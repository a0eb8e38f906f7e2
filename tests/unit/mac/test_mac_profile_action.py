# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What mac_profile decides from what a Mac says."""

from __future__ import annotations

import hashlib
import plistlib
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.vwan.user_vpn.tests.unit.mac.answering import IDENTIFIER, AnsweringMac, installed
from ansible_collections.vwan.user_vpn.tests.unit.mac.test_mac_keychain import issue

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


class Rendered:
    """A profile that mobileconfig has rendered: its file, and what it returned for this Mac."""

    def __init__(self, folder: Path, host: str = "test-host") -> None:
        self.file, self.host = folder / f"{host}.mobileconfig", host
        self.file.write_text(profile())

    def entry(self, content: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        if content is not None:
            self.file.write_text(profile(**content))
        return {
            "failed": False,
            "changed": True,
            "host": self.host,
            "path": str(self.file),
            "identifier": IDENTIFIER,
            "scope": "System",
            "display_name": "Contoso VPN",
            "delivery": "approve",
            "profile_uuid": UUID,
            "sha256": hashlib.sha256(self.file.read_bytes()).hexdigest(),
            "certificate_sha1": "EF" * 20,
            "certificate_not_after": "2028-11-22T21:00:00Z",
            "certificates": [ROOT, CLIENT],
            "gateway_roots": ["AB" * 20],
            "key_on_mac": False,
        } | changes

    def args(self, content: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        return {"profile": self.entry(content, **changes)}


@pytest.fixture
def rendered(tmp_path: Path) -> Rendered:
    return Rendered(tmp_path)


ABSENT: dict[str, Any] = {"state": "absent", "identifier": IDENTIFIER}
HAS_IT: dict[str, Any] = {"profile": [installed(UUID)], "fingerprint": [ROOT, CLIENT]}
OPENED: dict[str, Any] = {"stage": "opened", "offered_to": "anna"}
UNRENDERED: dict[str, Any] = {"profile_uuid": "", "sha256": "", "certificates": [], "msg": "The certificate is new."}


def test_a_mac_that_has_its_profile_costs_one_exec_and_no_file(rendered: Rendered) -> None:
    mac, args = AnsweringMac(**HAS_IT), rendered.args()
    rendered.file.unlink()
    result = mac.run("mac_profile", args, diff=True)
    assert [(asked.verb, asked.identifier, asked.scope, asked.arguments) for asked in mac.asked] == [
        ("know", IDENTIFIER, "System", {"check": "0", "uuid": UUID, "whole": ""})
    ]
    assert mac.asked[0].stdin == b"\n"
    assert (result["failed"], result["changed"], result["status"]) == (False, False, "installed")
    assert (
        result["msg"] == "'Contoso VPN' is installed, with the client certificate and the gateway root in the keychain."
    )
    assert (result["profile_uuid"], result["identifier"], result["missing_certificates"]) == (UUID, IDENTIFIER, [])
    assert (result["serial_number"], result["console_user"]) == ("C02TEST", "anna")
    assert (result["offered_to"], result["key_on_disk"]) == ("", False)
    assert "diff" not in result and "warnings" not in result


def test_it_is_offered_and_nobody_is_waited_for(rendered: Rendered) -> None:
    mac = AnsweringMac({"stage": OPENED}, profile=[installed(OLD)])
    said: list[str] = []
    result = mac.run("mac_profile", rendered.args(), diff=True, said=said)
    assert mac.verbs == ["know", "stage"]
    pane = "x-apple.systempreferences:com.apple.Profiles-Settings.extension"
    assert mac.asked[1].arguments == {"uuid": UUID, "pane": pane, "settle": "10", "token": "", "name": ""}
    assert mac.asked[1].stdin == rendered.file.read_bytes()
    assert (result["failed"], result["changed"], result["status"]) == (False, True, "pending_approval")
    assert result["offered_to"] == "anna"
    assert result["msg"] == (
        "'Contoso VPN' waits for anna to approve it in System Settings > General > Device Management; run again "
        "afterwards."
    )
    assert result["diff"] == {
        "before_header": f"configuration profile {IDENTIFIER} on test-host",
        "after_header": f"configuration profile {IDENTIFIER} on test-host",
        "before": f"ProfileUUID: {OLD}\n",
        "after": f"ProfileUUID: {UUID}\n",
    }
    assert said == []  # a line for each Mac of a fleet; `msg` says it, and who wants it shows that


def test_an_older_mac_has_another_pane(rendered: Rendered) -> None:
    mac = AnsweringMac({"stage": OPENED}, macos_version="12.7")
    result = mac.run("mac_profile", rendered.args())
    assert mac.asked[1].arguments["pane"] == "/System/Library/PreferencePanes/Profiles.prefPane"
    assert "waits for anna to approve it in System Preferences > Profiles; run again" in result["msg"]


def test_who_approves_at_once_is_seen(rendered: Rendered) -> None:
    result = AnsweringMac({"stage": OPENED | HAS_IT}).run("mac_profile", rendered.args())
    assert (result["status"], result["changed"], result["offered_to"]) == ("installed", True, "")


def test_later_rounds_only_look(rendered: Rendered) -> None:
    """Somebody else is at the screen by now: the profile waits for the one it was offered to."""
    mac = AnsweringMac(console_user="ben")
    args = rendered.args() | {"offered_to": "anna"}
    rendered.file.unlink()
    for check in (False, True):
        result = mac.run("mac_profile", args, check=check, diff=True)
        assert mac.verbs == ["know"]
        assert (result["changed"], result["status"], result["offered_to"]) == (False, "pending_approval", "anna")
        assert "waits for anna to approve it" in result["msg"] and "diff" not in result
    mac.said["console_user"] = []  # or nobody
    assert mac.run("mac_profile", args)["status"] == "pending_approval"
    mac.said |= HAS_IT
    result = mac.run("mac_profile", args)
    assert (result["changed"], result["status"], result["offered_to"]) == (False, "installed", "")


def test_it_is_offered_to_whoever_is_at_the_screen_when_it_is_opened(rendered: Rendered) -> None:
    mac = AnsweringMac({"stage": {"stage": "opened", "offered_to": "ben", "console_user": "carla"}})
    result = mac.run("mac_profile", rendered.args())
    assert (result["offered_to"], result["console_user"]) == ("ben", "carla")
    assert "waits for ben" in result["msg"]
    gone = AnsweringMac({"stage": {"stage": "no_console_user", "console_user": []}})
    result = gone.run("mac_profile", rendered.args())
    assert (result["changed"], result["status"], result["offered_to"]) == (False, "no_console_user", "")


@pytest.mark.parametrize(
    ("changes", "said", "status", "words"),
    [
        ({}, {"console_user": ""}, "no_console_user", "nobody is logged in at the screen"),
        ({"delivery": "mdm"}, {}, "mdm_required", "let the MDM deliver the exported file"),
        ({"delivery": "mdm"}, {"console_user": ""}, "mdm_required", "let the MDM deliver the exported file"),
        ({"delivery": "mdm"}, {"profile": [installed(OLD)]}, "mdm_required", "let the MDM deliver"),
        ({"delivery": "mdm"}, HAS_IT, "installed", "is installed"),
    ],
)
def test_what_is_not_offered_is_no_change(
    rendered: Rendered, changes: dict[str, Any], said: Any, status: str, words: str
) -> None:
    mac = AnsweringMac(**said)
    for check in (False, True):
        result = mac.run("mac_profile", rendered.args(**changes), check=check)
        assert mac.verbs == ["know"]
        assert (result["changed"], result["status"]) == (False, status)
        assert words in result["msg"]


def test_check_mode_offers_nothing_cleans_nothing_and_reads_no_file(rendered: Rendered) -> None:
    mac, args = AnsweringMac(leftover="anna"), rendered.args()
    rendered.file.write_text("what an earlier run rendered")
    result = mac.run("mac_profile", args, check=True, diff=True)
    assert [(asked.verb, asked.arguments) for asked in mac.asked] == [
        ("know", {"check": "1", "uuid": UUID, "whole": ""})
    ]
    assert (result["changed"], result["status"], result["offered_to"]) == (True, "pending_approval", "anna")
    assert result["diff"]["after"] == f"ProfileUUID: {UUID}\n"
    assert "is still there; a real run removes it" in result["warnings"][0]


@pytest.mark.parametrize(
    ("said", "changed", "words"),
    [
        ({}, True, "staged for anna was removed."),
        (
            {"stuck": "1"},
            False,
            "removed (no reason was given): delete Library/Caches/vwan.user_vpn in the home of anna",
        ),
        ({"stuck": "1", "stuck_by": "rm: Read-only file system"}, False, "removed (rm: Read-only file system): delete"),
    ],
)
@pytest.mark.parametrize("state", ["present", "absent"])
def test_what_a_killed_run_has_left(
    rendered: Rendered, said: dict[str, Any], changed: bool, words: str, state: str
) -> None:
    mac = AnsweringMac(leftover="anna", **said, **(HAS_IT if state == "present" else {}))
    result = mac.run("mac_profile", rendered.args() if state == "present" else ABSENT)
    assert result["changed"] is changed
    assert words in result["warnings"][0]
    assert mac.verbs == ["know"]


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize(
    ("scope", "user", "refused"),
    [("System", "anna", True), ("User", "anna", False), ("User", "ben", True), ("User", "root", False)],
)
def test_who_may_do_it(rendered: Rendered, state: str, scope: str, user: str, refused: bool) -> None:
    mac = AnsweringMac({"stage": OPENED}, user=user, uid="0" if user == "root" else "501")
    args = rendered.args({"PayloadScope": scope}, scope=scope) if state == "present" else ABSENT | {"scope": scope}
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
        ("cannot_write", "", "could not be written to the home of anna: the Mac gave no reason. Nothing was left"),
        (
            "cannot_write",
            "mkdir: Library: Read-only file system",
            "to the home of anna: mkdir: Library: Read-only file",
        ),
        ("cannot_open", "LSOpen failed", "could not be opened in the session of anna: LSOpen failed"),
        ("", "", "could not be brought into the session of anna"),
    ],
)
def test_why_it_could_not_be_offered(rendered: Rendered, stage: str, message: str, words: str) -> None:
    mac = AnsweringMac({"stage": {"stage": stage, "message": message}})
    result = mac.run("mac_profile", rendered.args())
    assert result["failed"] and words in result["msg"]


# -- what is delivered is what was rendered --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        {"PayloadUUID": OLD},
        {"PayloadIdentifier": "com.example.other"},
        {"PayloadScope": "User"},
        {"PayloadDisplayName": "Another file with the same names"},
    ],
)
def test_a_file_that_is_not_what_was_rendered_is_refused(rendered: Rendered, content: dict[str, Any]) -> None:
    mac, args = AnsweringMac(), rendered.args()
    rendered.file.write_text(profile(**content))
    result = mac.run("mac_profile", args)
    assert mac.verbs == ["know"]
    assert result["failed"]
    assert f"{rendered.file} is not the profile that was rendered for this Mac, so it is not delivered" in result["msg"]


def test_a_file_whose_hash_alone_is_right_is_refused(rendered: Rendered) -> None:
    result = AnsweringMac().run("mac_profile", rendered.args({"PayloadUUID": OLD}))
    assert result["failed"] and "is not the profile that was rendered for this Mac" in result["msg"]


def test_a_file_that_is_gone_is_said(rendered: Rendered) -> None:
    args = rendered.args()
    rendered.file.unlink()
    result = AnsweringMac().run("mac_profile", args)
    assert result["failed"] and f"{rendered.file} cannot be read: No such file" in result["msg"]


def test_another_macs_profile_is_refused_before_the_mac_is_asked(tmp_path: Path) -> None:
    mac = AnsweringMac()
    result = mac.run("mac_profile", Rendered(tmp_path, "mac-anna").args())
    assert result["failed"] and mac.asked == []
    assert "The profile of mac-anna is not brought onto test-host: give the entry of this Mac" in result["msg"]


def test_a_mac_that_has_no_profile_fails_with_the_reason_and_is_not_asked(rendered: Rendered) -> None:
    mac = AnsweringMac()
    for check in (False, True):
        result = mac.run(
            "mac_profile", {"profile": {"failed": True, "host": "test-host", "msg": "A password."}}, check=check
        )
        assert (result["failed"], result["msg"], mac.asked) == (True, "A password.", [])


@pytest.mark.parametrize(
    "changes",
    [
        {"profile_uuid": "x y"},
        {"profile_uuid": 7},
        {"sha256": "short"},
        {"sha256": None},
        {"certificates": ["short"]},
        {"certificates": None},
        {"certificates": [7]},
        {"scope": "system"},
        {"delivery": "export"},
        {"failed": "no"},
        {"gateway_roots": None},
    ],
)
def test_what_mobileconfig_did_not_return_is_refused(rendered: Rendered, changes: dict[str, Any]) -> None:
    mac = AnsweringMac()
    result = mac.run("mac_profile", rendered.args(**changes))
    assert result["failed"] and mac.asked == []
    assert "profile is not what mobileconfig returned for this Mac" in result["msg"]


@pytest.mark.parametrize("gone", ["failed", "host", "path", "identifier", "scope", "profile_uuid", "key_on_mac"])
def test_what_mobileconfig_would_have_said_must_be_there(rendered: Rendered, gone: str) -> None:
    mac, entry = AnsweringMac(), rendered.entry()
    del entry[gone]
    result = mac.run("mac_profile", {"profile": entry})
    assert result["failed"] and mac.asked == []
    assert "profile is not what mobileconfig returned for this Mac" in result["msg"]


# -- a key of the Mac's own ------------------------------------------------------------------------------------------


def completed_on_the_mac(rendered: Rendered) -> tuple[dict[str, Any], str]:
    """An entry with such a profile, and the name of its identity."""
    der = issue("mac-anna").public_bytes(Encoding.DER)
    name = f"mac-anna {hashlib.sha1(der).hexdigest()[:8].upper()}"  # as mobileconfig calls it
    payload = {"PayloadType": "com.apple.security.pkcs12", "PayloadIdentifier": "x.client", "PayloadContent": der}
    payload["PayloadDisplayName"] = name
    return rendered.entry({"PayloadContent": [payload]}, key_on_mac=True), name


def test_a_key_that_lies_there_still_goes_once_the_profile_is_installed(rendered: Rendered) -> None:
    mac = AnsweringMac(key="1", **HAS_IT)
    result = mac.run("mac_profile", rendered.args(), check=True)
    assert (result["changed"], result["status"], mac.verbs) == (True, "installed", ["know"])
    assert mac.asked[0].arguments["check"] == "1"  # which drops nothing
    mac.said |= {"key": [], "dropped": "1"}
    result = mac.run("mac_profile", rendered.args())
    assert (result["changed"], result["status"], mac.verbs) == (True, "installed", ["know"])
    assert result["key_on_disk"] is False


def test_a_profile_whose_key_is_on_the_mac_is_completed_there(rendered: Rendered) -> None:
    entry, name = completed_on_the_mac(rendered)
    there = {"profile": [installed(UUID)], "fingerprint": entry["certificates"]}
    mac = AnsweringMac({"stage": OPENED | there}, key="1")
    assert mac.run("mac_profile", {"profile": entry})["status"] == "installed"
    stage = mac.asked[1]
    token = stage.arguments["token"]
    assert stage.arguments["name"] == name
    assert stage.stdin.startswith(b"-----BEGIN CERTIFICATE-----")
    assert stage.stdin.count(token.encode()) == 2 and b"</plist>" in stage.stdin
    # One that has its private key already is not what was rendered then, and the other way round.
    for changes in ({"key_on_mac": False}, {"sha256": entry["sha256"][::-1]}):
        refused = AnsweringMac(key="1").run("mac_profile", {"profile": entry | changes})
        assert refused["failed"] and "is not the profile that was rendered for this Mac" in refused["msg"]


def test_a_mac_without_the_key_wants_one_and_has_its_profile_after_two_more_execs(rendered: Rendered) -> None:
    first = rendered.entry(key_on_mac=True, **UNRENDERED)
    mac = AnsweringMac({"make_key": {"key": "1", "csr": []}})
    for check in (True, False):
        wanting = mac.run("mac_profile", {"profile": first}, check=check)
        assert (wanting["failed"], wanting["changed"], wanting["status"]) == (False, False, "key_wanted")
        assert wanting["key_on_disk"] is False and mac.verbs == ["know"]
        assert "run mac_key, client_certificates and mobileconfig" in wanting["msg"]
    made = mac.run("mac_key", {"identifier": IDENTIFIER, "known": wanting}, check=True)
    assert (made["changed"], made["status"], made["key_on_disk"], mac.verbs) == (True, "made", True, [])
    # In check mode nothing is rendered in between.
    predicted = mac.run("mac_profile", {"profile": first, "known": made}, check=True)
    assert (predicted["changed"], predicted["status"], mac.verbs) == (True, "pending_approval", [])
    assert predicted["msg"] == "The profile is not rendered yet; a real run renders it first."
    refused = mac.run("mac_profile", {"profile": first, "known": made})
    assert refused["failed"] and "is not rendered: run mobileconfig first" in refused["msg"] and mac.verbs == []

    entry, _name = completed_on_the_mac(rendered)
    mac = AnsweringMac({"stage": OPENED})
    result = mac.run("mac_profile", {"profile": entry, "known": made})
    assert (result["changed"], result["status"], mac.verbs) == (True, "pending_approval", ["stage"])
    # What says that there is no key does not do, nor does what is made up.
    refused = mac.run("mac_profile", {"profile": entry, "known": wanting})
    assert refused["failed"] and "give the result of mac_key as known" in refused["msg"] and mac.verbs == []
    refused = mac.run("mac_profile", {"profile": entry, "known": made | {"tunnel": {}}})
    assert refused["failed"] and "known is not what mac_info, mac_profile or mac_key returned" in refused["msg"]
    # Nothing is known: the Mac is asked.
    asked = AnsweringMac({"stage": OPENED}, key="1")
    assert asked.run("mac_profile", {"profile": entry, "known": {"skipped": True}})["status"] == "pending_approval"
    assert asked.verbs == ["know", "stage"]


def test_a_key_that_is_not_the_certificates_is_made_again_once(rendered: Rendered) -> None:
    entry, _name = completed_on_the_mac(rendered)
    mac = AnsweringMac({"stage": {"stage": "cannot_complete"}}, key="1")
    wanting = mac.run("mac_profile", {"profile": entry})
    assert (wanting["failed"], wanting["changed"], wanting["status"]) == (False, False, "key_wanted")
    assert wanting["key_on_disk"] is True
    failed = mac.run("mac_profile", {"profile": entry, "known": wanting})
    assert failed["failed"] and "the private key there is not the one of this certificate" in failed["msg"]


def test_an_mdm_delivers_no_profile_that_is_completed_on_the_mac(rendered: Rendered) -> None:
    mac = AnsweringMac(key="1")
    refused = mac.run("mac_profile", rendered.args(key_on_mac=True, delivery="mdm"))
    assert refused["failed"] and "no MDM can deliver it" in refused["msg"] and mac.asked == []


def test_without_root_nothing_is_known(rendered: Rendered) -> None:
    known = AnsweringMac(uid="501", user="anna").run("mac_info", {"identifier": IDENTIFIER})
    mac = AnsweringMac()
    result = mac.run("mac_profile", rendered.args() | {"known": known})
    assert result["failed"] and "This user may not read or install System profiles" in result["msg"]
    assert mac.asked == []


# -- what is there, and what is not ----------------------------------------------------------------------------------


def test_what_macos_says_is_installed_may_lack_certificates(rendered: Rendered) -> None:
    mac = AnsweringMac(profile=[installed(UUID)], fingerprint=[CLIENT])
    result = mac.run("mac_profile", rendered.args())
    assert (result["status"], result["missing_certificates"]) == ("incomplete", [ROOT])
    assert "1 of its certificates are not in the keychain" in result["warnings"][0] and ROOT in result["warnings"][0]
    assert "1 of its certificates are not in the keychain" in result["msg"]
    # What is not installed lacks nothing.
    waiting = AnsweringMac({"stage": OPENED}).run("mac_profile", rendered.args())
    assert waiting["missing_certificates"] == [] and "warnings" not in waiting


def test_a_keychain_that_cannot_be_read_lacks_nothing_for_sure(rendered: Rendered) -> None:
    mac = AnsweringMac(profile=[installed(UUID)], keychain_error="SecKeychainOpen: It is locked.")
    result = mac.run("mac_profile", rendered.args())
    assert (result["status"], result["missing_certificates"]) == ("installed", [])
    assert result["msg"].endswith("shown as installed, but the keychain cannot be read: SecKeychainOpen: It is locked.")
    assert result["msg"] in result["warnings"][0]


LISTED = '{   "VPNs" : [     {       "name" : "Contoso \\/ \\u00dc",       "status" : "Connected"     }   ] }'
NONE_FOUND = "2026-11-20 09:14:38.000 vpnutil[512:4711] Could not find any VPN {  }"


@pytest.mark.parametrize(
    ("said", "name", "lost"),
    [
        (LISTED, "Contoso / \u00dc", False),
        (LISTED, "Contoso VPN", True),
        (NONE_FOUND, "Contoso VPN", True),
        # it was not asked, or does not say
        (None, "Contoso VPN", False),
        ("{  }", "Contoso VPN", False),
        ("", "Contoso VPN", False),
        (f"Failed to load the configurations - (null) {NONE_FOUND}", "Contoso VPN", False),
        ("[" * 60_000 + '{"VPNs": "name"}', "Contoso VPN", False),
        ('{"VPNs" : [{"name" : "\\x"}]}', "Contoso VPN", False),
    ],
)
def test_what_macos_says_is_installed_may_have_lost_its_vpn(
    rendered: Rendered, said: str | None, name: str, lost: bool
) -> None:
    services = {} if said is None else {"services": said}
    mac = AnsweringMac(profile=[installed(UUID, (name, 0))], fingerprint=[CLIENT, ROOT], vpnutil="1", **services)
    result = mac.run("mac_profile", rendered.args())
    assert (result["status"], result["missing_services"]) == (("incomplete", [name]) if lost else ("installed", []))
    assert ("macOS has no VPN 'Contoso VPN'" in result["msg"]) is lost
    assert [warning.partition("] ")[2] for warning in result.get("warnings", [])] == [result["msg"]] * lost


def test_a_profile_whose_vpns_macos_hides_has_lost_none(rendered: Rendered) -> None:
    mac = AnsweringMac(**HAS_IT | {"profile": [installed(UUID)], "services": NONE_FOUND})
    assert mac.run("mac_profile", rendered.args())["missing_services"] == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "with the client certificate and the gateway root in the keychain."),
        ({"gateway_roots": ["AB" * 20, "CD" * 20]}, "with the client certificate and 2 gateway roots in the keychain."),
        ({"certificate_sha1": ""}, "with the gateway root in the keychain."),
        ({"certificate_sha1": "", "gateway_roots": []}, "'Contoso VPN' is installed."),
    ],
)
def test_what_came_with_it_is_said(rendered: Rendered, changes: dict[str, Any], words: str) -> None:
    assert words in AnsweringMac(**HAS_IT).run("mac_profile", rendered.args(**changes))["msg"]


def test_the_other_scopes_profile_is_not_ours(rendered: Rendered) -> None:
    mac = AnsweringMac(profile=[installed(UUID, scope="anna")])
    assert mac.run("mac_profile", rendered.args(), check=True)["status"] == "pending_approval"
    assert mac.run("mac_profile", ABSENT)["changed"] is False


OF_USERS = {"profile": [installed(UUID, scope="ben"), installed(OLD, scope="cleo")]}


def test_another_accounts_profile_is_not_that_of_who_is_at_the_screen(rendered: Rendered) -> None:
    args = rendered.args({"PayloadScope": "User"}, scope="User")
    result = AnsweringMac(**OF_USERS).run("mac_profile", args, check=True)
    assert (result["status"], result["profile"], result["other_users"]) == ("pending_approval", {}, ["ben", "cleo"])
    mine = {"profile": [*OF_USERS["profile"], installed(UUID, scope="anna")], "fingerprint": [CLIENT, ROOT]}
    result = AnsweringMac(**mine).run("mac_profile", args)
    assert (result["status"], result["other_users"]) == ("installed", ["ben", "cleo"])


def test_a_users_profile_goes_from_every_account() -> None:
    absent = ABSENT | {"scope": "User"}
    mac = AnsweringMac({"remove": {"profile": []}}, **OF_USERS)
    predicted = mac.run("mac_profile", absent, check=True, diff=True)
    assert (predicted["changed"], mac.verbs) == (True, ["know"])
    assert predicted["msg"] == f"A real run would remove the profile {IDENTIFIER} of ben and cleo."
    result = mac.run("mac_profile", absent, diff=True)
    assert (result["changed"], result["status"], mac.verbs) == (True, "removed", ["know", "remove"])
    assert result["msg"] == f"The profile {IDENTIFIER} is in no account of this Mac."
    assert result["diff"] == predicted["diff"]
    kept = {"remove": {"profile": [installed(UUID, scope="ben")], "message": "It is not removable."}}
    result = AnsweringMac(kept, **OF_USERS).run("mac_profile", absent)
    assert result["failed"] and f"kept the profile {IDENTIFIER} of ben: It is not removable. A profile" in result["msg"]


@pytest.mark.parametrize(
    ("scope", "user", "words"),
    [
        ("System", "root", "is not among the System profiles of this Mac."),
        ("User", "root", "is in no account of this Mac."),
        ("User", "anna", "is not in the account anna, the only one that can be looked at without become: true."),
    ],
)
def test_where_it_was_looked_for_is_said(scope: str, user: str, words: str) -> None:
    result = AnsweringMac(user=user, uid="0" if user == "root" else "501").run("mac_profile", ABSENT | {"scope": scope})
    assert result["changed"] is False
    assert result["msg"] == f"The profile {IDENTIFIER} {words}"


def test_what_a_mac_is_called_and_says_reaches_no_terminal(rendered: Rendered) -> None:
    mac = AnsweringMac({"stage": {"stage": "opened", "offered_to": "anna\x1b[2J"}})
    result = mac.run("mac_profile", rendered.args(display_name="VPN\x1b[2J"))
    assert "\x1b" not in result["msg"] + result["offered_to"]


# -- gone ------------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(("message", "words"), [("It is locked.", ": It is locked. A"), ("", "gave no reason. A")])
def test_a_profile_that_macos_keeps(message: str, words: str) -> None:
    mac = AnsweringMac({"remove": {"message": message}}, profile=[installed(UUID)])
    result = mac.run("mac_profile", ABSENT)
    assert result["failed"]
    assert words in result["msg"] and "by that MDM only" in result["msg"]


def test_a_key_that_stays_is_an_error() -> None:
    mac = AnsweringMac({"drop_key": {"message": "rm: Read-only file system"}}, key="1")
    result = mac.run("mac_profile", ABSENT)
    assert result["failed"]
    assert result["msg"] == ("The private key on the disk of this Mac could not be removed: rm: Read-only file system.")


def test_with_the_profile_a_key_on_the_disk_goes_too() -> None:
    mac = AnsweringMac({"drop_key": {"key": []}}, key="1")
    assert mac.run("mac_profile", ABSENT, check=True)["changed"] is True
    assert mac.verbs == ["know"]
    result = mac.run("mac_profile", ABSENT)
    assert (result["changed"], mac.verbs) == (True, ["know", "drop_key"])


# -- in check mode before it is rendered -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("delivery", "said", "expected"),
    [
        ("approve", {}, (True, "pending_approval", "")),
        ("approve", {"console_user": ""}, (False, "no_console_user", "")),
        ("approve", {"console_user": "", "leftover": "anna"}, (True, "no_console_user", "")),
        ("mdm", {}, (False, "mdm_required", "")),
    ],
)
@pytest.mark.parametrize("by", ["profile", "src"])
def test_check_mode_before_the_profile_is_rendered(
    rendered: Rendered, by: str, delivery: str, said: dict[str, Any], expected: tuple[bool, str, str]
) -> None:
    args = rendered.args(delivery=delivery, **UNRENDERED)
    if by == "src":
        args = {"src": f"{rendered.file}.none", "identifier": IDENTIFIER, "delivery": delivery}
    mac = AnsweringMac(profile=[installed(OLD)], **said)
    result = mac.run("mac_profile", args, check=True, diff=True)
    assert mac.verbs == ["know"]
    assert (result["changed"], result["status"], result["profile_uuid"]) == expected
    assert "not rendered yet" in result["msg"]
    if expected[0]:
        assert result["diff"]["before"] == f"ProfileUUID: {OLD}\n" and "(not rendered yet)" in result["diff"]["after"]
    refused = mac.run("mac_profile", args)
    assert refused["failed"] and mac.asked == []


# -- a file from elsewhere -------------------------------------------------------------------------------------------


def test_a_file_from_elsewhere_is_offered(rendered: Rendered) -> None:
    mac = AnsweringMac({"stage": OPENED | HAS_IT})
    args = {"src": str(rendered.file), "identifier": IDENTIFIER}
    result = mac.run("mac_profile", args)
    assert (mac.verbs, mac.asked[1].stdin) == (["know", "stage"], rendered.file.read_bytes())
    assert (result["status"], result["profile_uuid"], result["missing_certificates"]) == ("installed", UUID, [])
    assert "with the client certificate and the gateway root in the keychain" in result["msg"]
    again = mac.run("mac_profile", args)
    assert (again["changed"], mac.verbs) == (False, ["know"])
    result = AnsweringMac().run("mac_profile", args | {"delivery": "mdm"})
    assert result["status"] == "mdm_required"


def test_check_mode_before_the_file_is_there_needs_its_identifier(tmp_path: Path) -> None:
    result = AnsweringMac().run("mac_profile", {"src": str(tmp_path / "none.mobileconfig")}, check=True)
    assert result["failed"] and "set identifier as well" in result["msg"]


def test_two_identifiers_are_an_error_before_the_mac_is_asked(rendered: Rendered) -> None:
    mac = AnsweringMac()
    result = mac.run("mac_profile", {"src": str(rendered.file), "identifier": "com.example.other"})
    assert result["failed"] and mac.asked == []
    assert f"The profile's identifier is {IDENTIFIER}, not com.example.other" in result["msg"]
