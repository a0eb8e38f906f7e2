# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that Macs get by themselves: what is taken, what is refused, and what of it moves when."""

from __future__ import annotations

import json
import plistlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig import scep, schema
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.errors import ProfileError
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.profile import Profile
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.reading import read_profile
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.scep import Enrolment
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action
from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import Pki, pem

CHALLENGE = "correct horse battery staple"
SHA1 = "DF:3C:24:F9:BF:D6:66:76:1B:26:80:73:FE:06:D1:CC:8D:4F:82:A4"
WISH: dict[str, Any] = {
    "url": "https://pki.example.com/scep",
    "challenge": CHALLENGE,
    "subject": "/CN=$SERIALNUMBER/O=Example",
}
Render = Callable[..., Profile]


def load(**other: Any) -> Enrolment:
    return scep.load(WISH | other)


def payload(profile: Profile | dict[str, Any], kind: str = "com.apple.security.scep") -> dict[str, Any]:
    document = profile if isinstance(profile, dict) else plistlib.loads(profile.content)
    (found,) = [each for each in document["PayloadContent"] if each["PayloadType"] == kind]
    return dict(found)


def names(profile: Profile) -> tuple[str, str]:
    found = payload(profile)
    return found["PayloadIdentifier"], found["PayloadUUID"]


# -- the payload


def test_the_payload_is_as_apple_wants_it(render: Render) -> None:
    profile = render(load(name="Example CA", ca_fingerprint=SHA1, key_size=4096))
    assert payload(profile)["PayloadContent"] == {
        "URL": "https://pki.example.com/scep",
        "Name": "Example CA",
        "Subject": [[["CN", "$SERIALNUMBER"]], [["O", "Example"]]],
        "SubjectAltName": {"dNSName": "$SERIALNUMBER"},
        "Challenge": CHALLENGE,
        "CAFingerprint": bytes.fromhex(SHA1.replace(":", "")),
        "Keysize": 4096,
        "Key Type": "RSA",
        "Key Usage": 1,
        "KeyIsExtractable": False,
        "AllowAllAppsAccess": False,
    }
    vpn = payload(profile, "com.apple.vpn.managed")["IKEv2"]
    assert vpn["PayloadCertificateUUID"] == payload(profile)["PayloadUUID"]
    assert vpn["LocalIdentifier"] == "$SERIALNUMBER"
    assert schema.validate(plistlib.loads(profile.content)) == []
    assert profile.warnings == ()
    read = read_profile(profile.content, "it")
    assert (read.identity, read.unfinished, read.uuid) == ("", None, profile.uuid)


@pytest.mark.parametrize(
    "variable",
    [
        "%SerialNumber%", "{{serialnumber}}", "{{ serialnumber }}", "$SERIALNUMBER", "$FLEET_VAR_HOST_UUID",
        "$ENROLLED_DEVICE.SERIAL_NUMBER", "{DeviceSerialNumber}", "mac-%SerialNumber%.example.com",
        "{{serialnumber}}@red.example.com",
    ],
)  # fmt: skip
def test_variables_pass_unharmed(render: Render, variable: str) -> None:
    enrolment = load(subject=[["CN", variable], ["OU", variable]])
    assert enrolment.shared
    found = payload(render(enrolment))["PayloadContent"]
    assert found["Subject"] == [[["CN", variable]], [["OU", variable]]]
    assert found["SubjectAltName"] == {"rfc822Name" if "@" in variable else "dNSName": variable}


def test_a_proxy_of_the_mdm_may_stand_for_the_address() -> None:
    enrolment = load(url="$FLEET_VAR_CUSTOM_SCEP_PROXY_URL_Vpn", challenge="$FLEET_VAR_CUSTOM_SCEP_CHALLENGE_Vpn")
    assert enrolment.warnings == () and "$FLEET_VAR_CUSTOM_SCEP_PROXY_URL_Vpn" in enrolment.variables
    with pytest.raises(ProfileError, match="must be the address of a SCEP server"):
        load(url="$FLEET_VAR_CUSTOM_SCEP_PROXY_URL_Vpn and more")


# -- what moves when


def test_another_connection_enrols_no_new_certificate(render: Render) -> None:
    before, after = render(load()), render(load(), routing="full", connection_name="Other", algorithms="ecp384")
    assert before.uuid != after.uuid
    assert payload(before) == payload(after)


def test_another_challenge_enrols_no_new_certificate_and_does_not_show(render: Render) -> None:
    before, after = render(load()), render(load(challenge="another long challenge"))
    assert (before.uuid, names(before)) == (after.uuid, names(after))
    assert before.content != after.content


@pytest.mark.parametrize(
    "other",
    [
        {"url": "https://other.example.com/scep"}, {"name": "Other"}, {"subject": "/CN=$UDID/O=Example"},
        {"ca_fingerprint": SHA1}, {"key_size": 4096},
    ],
)  # fmt: skip
def test_other_settings_enrol_anew(render: Render, other: dict[str, Any]) -> None:
    before, after = render(load()), render(load(**other))
    assert before.uuid != after.uuid
    assert set(names(before)) & set(names(after)) == set()
    assert (
        payload(before, "com.apple.vpn.managed")["PayloadUUID"]
        == payload(after, "com.apple.vpn.managed")["PayloadUUID"]
    )


def test_two_vpns_on_one_mac_have_two_certificates(render: Render) -> None:
    assert set(names(render(load()))) & set(names(render(load(), identifier="com.example.other"))) == set()


# -- the subject

VALUES = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=30,
)
TYPES = st.sampled_from(["C", "L", "ST", "O", "OU", "1.2.840.113549.1.9.1"])
SUBJECTS = st.lists(st.tuples(TYPES, VALUES.filter(str.strip)), max_size=4).map(lambda found: [("CN", "mac"), *found])


def written(subject: list[tuple[str, str]], sign: str) -> str:
    def escaped(value: str) -> str:
        return "".join(f"\\{each}" if each in (sign, "\\") else each for each in value)

    text = sign.join(f"{kind}={escaped(value)}" for kind, value in subject)
    return f"/{text}" if sign == "/" else text


@hypothesis(max_examples=60, deadline=None)
@given(SUBJECTS)
def test_a_subject_is_the_same_in_every_form(subject: list[tuple[str, str]]) -> None:
    subject = [(kind, "DE" if kind == "C" else value.strip()) for kind, value in subject]
    wanted = tuple(((kind, value),) for kind, value in subject)
    assert load(subject=[list(pair) for pair in subject]).subject == wanted
    assert load(subject=[[list(pair)] for pair in subject]).subject == wanted
    assert load(subject=written(subject, "/")).subject == wanted
    assert load(subject=written(subject, ",")).subject == wanted


def test_a_subject_as_people_write_it() -> None:
    wanted = ((("CN", "mac-01"),), (("O", "Example, Ltd"),), (("OU", "A/B"),))
    assert load(subject="CN=mac-01, O=Example\\, Ltd, ou=A/B").subject == wanted
    assert load(subject="/cn=mac-01/O=Example, Ltd/OU=A\\/B").subject == wanted
    two_in_one = [[["CN", "mac-01"], ["OU", "A"]]]
    assert load(subject=two_in_one).subject == ((("CN", "mac-01"), ("OU", "A")),)


# -- refusals


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"url": "ftp://pki.example.com"}, "identity.scep.url must be the address of a SCEP server"),
        ({"url": "https:///scep"}, "must be the address"),
        ({"url": "https://pki.example.com:port/"}, "must be the address"),
        ({"url": "https://pki.example.com/a b"}, "must be the address"),
        ({"url": "https://user:secret@pki.example.com/"}, "holds a login"),
        ({"url": "http://pki.example.com/scep"}, "set identity.scep.ca_fingerprint"),
        ({"ca_fingerprint": "00" * 32}, "is a SHA-256, which a Mac does not take here"),
        ({"ca_fingerprint": "00" * 16}, "is an MD5"),
        ({"ca_fingerprint": "xyz"}, "is no fingerprint"),
        ({"key_type": "EC"}, "no Mac makes for SCEP"),
        ({"key_size": 256}, "no Mac makes for SCEP"),
        ({"key_size": 1024}, "1024, which Azure refuses"),
        ({"key_size": 3072}, "set it to 2048 or 4096"),
        ({"challenge": "two\nlines"}, "control character"),
        ({"name": "x" * 1001}, "more than 1000"),
        ({"subject": ""}, "has no CN"),
        ({"subject": []}, "has an empty list"),
        ({"subject": "/O=Example"}, "has no CN"),
        ({"subject": "/CN=a/CN=b"}, "more than one CN"),
        ({"subject": "mac-01"}, "without a ="),
        ({"subject": "/CN=mac-01\\"}, "ends with a backslash"),
        ({"subject": "/CN="}, "has an empty CN"),
        ({"subject": "/CN=" + "x" * 65}, "CN of more than 64"),
        ({"subject": "/CN=a/C=Germany"}, "no country of two letters"),
        ({"subject": "/CN=a/emailAddress=b"}, "write its OID"),
        ({"subject": {"CN": "a"}}, "is no list"),
        ({"subject": [["CN"]]}, "something else than pairs"),
        ({"subject": [["CN", 5]]}, "something else than pairs"),
        ({"subject": [["CN", "a\tb"]]}, "control character in CN"),
    ],
)
def test_what_is_refused(other: dict[str, Any], says: str) -> None:
    with pytest.raises(ProfileError) as caught:
        load(**other)
    assert says in str(caught.value)
    assert CHALLENGE not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_name_that_no_mac_could_send(render: Render) -> None:
    with pytest.raises(ProfileError, match="by which the Mac would introduce itself"):
        render(load(subject="/CN=Mac of Alice"))
    with pytest.raises(ProfileError, match="by which the Mac would introduce itself"):
        render(load(subject="/CN=10.0.0.1"))
    assert payload(render(load(subject="/CN=Mac of Alice"), local_identifier="mac-01"), "com.apple.vpn.managed")


def test_what_nobody_knows_is_said(render: Render) -> None:
    (unknown,) = render(load(subject="/CN=%SerialNumber%")).warnings
    assert "Nobody knows whether macOS fills in %SerialNumber%" in unknown
    (elsewhere,) = render(load(), local_identifier="vpn.example.com").warnings
    assert "only if the SCEP server puts it there" in elsewhere
    (short,) = render(load(challenge="hunter2")).warnings
    assert "shorter than 16" in short
    assert "hunter2" not in short


# -- the task


@pytest.fixture
def task(settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    monkeypatch.chdir(tmp_path)

    def go(macs: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        how = {name: more.pop(name) for name in ("check", "diff", "said") if name in more}
        args = {
            "settings": settings, "identifier": "com.example.uservpn", "connection_name": "Example VPN",
            "delivery": "mdm", "dest": "profiles", "macs": macs, **more,
        }  # fmt: skip
        hosts = [mac["host"] for mac in macs]
        return run_action(
            "mobileconfig", args, task_vars={"inventory_hostname": hosts[0], "ansible_play_hosts_all": hosts}, **how
        )

    return go


Task = Callable[..., dict[str, Any]]


def mac(host: str, wish: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"host": host, "identity": {"scep": WISH | (wish or {})}, "serial_number": f"S-{host}"} | more


FLEET = [mac(f"mac-{number}") for number in range(3)]
SHARED = Path("profiles/com.example.uservpn.mobileconfig")


def test_one_profile_for_all(task: Task) -> None:
    foreseen = task(FLEET, check=True, diff=True)
    assert not SHARED.exists()
    first = task(FLEET, diff=True)
    assert [path.name for path in sorted(Path("profiles").glob("*.mobileconfig"))] == [SHARED.name]
    assert SHARED.stat().st_mode & 0o777 == 0o600
    document = plistlib.loads(SHARED.read_bytes())
    for host, entry in first["macs"].items():
        assert (entry["failed"], entry["changed"], entry["shared"]) == (False, True, True)
        assert Path(entry["path"]).name == SHARED.name
        assert entry["profile_uuid"] == document["PayloadUUID"]
        assert (entry["certificate_sha1"], entry["certificate_not_after"], entry["common_name"]) == ("", "", "")
        assert foreseen["macs"][host] == entry
    listed = json.loads(Path("profiles/manifest.json").read_text())["profiles"]
    assert {(entry["file"], entry["serial_number"]) for entry in listed.values()} == {
        (SHARED.name, f"S-mac-{number}") for number in range(3)
    }
    assert CHALLENGE in SHARED.read_text()
    assert CHALLENGE not in json.dumps([first, foreseen])
    assert len([each for each in first["diff"] if "Keysize" in each["after"]]) == 1
    again = task(FLEET, diff=True)
    assert not again["changed"]
    assert not any(entry["changed"] for entry in again["macs"].values())


def test_a_new_challenge_is_a_change_that_no_diff_shows(task: Task) -> None:
    task(FLEET)
    new = task([mac(each["host"], {"challenge": "another long challenge"}) for each in FLEET], diff=True)
    assert new["changed"]
    assert "another long challenge" not in json.dumps(new)
    assert "another long challenge" in SHARED.read_text()


def test_who_would_have_another_version_needs_another_name(task: Task) -> None:
    other = [*FLEET, mac("mac-9", routing="full")]
    refused = task(other)["macs"]
    assert all(entry["failed"] for entry in refused.values())
    assert "is shared, but mac-0 and mac-9 would each have another one" in refused["mac-1"]["msg"]
    assert not Path("profiles").exists()
    taken = task([*FLEET, mac("mac-9", routing="full", identifier="com.example.full")])["macs"]
    assert not any(entry["failed"] for entry in taken.values())
    assert Path(taken["mac-9"]["path"]).name == "com.example.full.mobileconfig"


def test_the_key_that_a_mac_had_before_does_not_stay(task: Task, pki: Pki) -> None:
    Path("own.pem").write_bytes(pem(pki.client()))
    task([{"host": "mac-0", "identity": {"certificate_path": "own.pem"}}], delivery="approve")
    own = Path("profiles/mac-0.mobileconfig")
    assert own.exists()
    assert task(FLEET, check=True)["changed"] and own.exists()
    assert task(FLEET)["changed"] and not own.exists()
    assert not task(FLEET)["changed"]


def test_a_host_that_is_called_like_the_profile_of_others(task: Task, pki: Pki) -> None:
    Path("own.pem").write_bytes(pem(pki.client()))
    mine = {"host": SHARED.stem, "identity": {"certificate_path": "own.pem"}}
    refused = task([*FLEET, mine])["macs"]
    assert all(entry["failed"] for entry in refused.values())


def test_without_variables_each_mac_has_its_own(task: Task) -> None:
    macs = [mac(f"mac-{number}", {"subject": f"/CN=mac-{number}"}) for number in range(2)]
    told = task(macs, delivery="approve")["macs"]
    assert [Path(entry["path"]).name for entry in told.values()] == ["mac-0.mobileconfig", "mac-1.mobileconfig"]
    assert [(entry["shared"], entry["common_name"]) for entry in told.values()] == [(False, "mac-0"), (False, "mac-1")]
    twice = task([mac("mac-0", {"subject": "/CN=mac"}), mac("mac-1", {"subject": "/CN=mac"})])["macs"]
    assert all(entry["failed"] for entry in twice.values())
    assert "The common name mac of identity.scep is wanted for mac-1, too" in twice["mac-0"]["msg"]


def test_nobody_fills_in_what_a_person_approves(task: Task) -> None:
    entry = task(FLEET[:1], delivery="approve")["macs"]["mac-0"]
    assert "holds $SERIALNUMBER, which only an MDM fills in, but delivery is approve" in entry["msg"]
    own = mac("mac-0", {"subject": "/CN=mac-0"}, local_identifier="$SERIALNUMBER")
    assert "local_identifier holds $SERIALNUMBER" in task([own], delivery="approve")["macs"]["mac-0"]["msg"]


def test_a_signature_that_the_mdm_would_break(task: Task) -> None:
    sign_with = {"certificate": "signer.pem", "key": "signer.key"}
    found = task(FLEET[:1], sign_with=sign_with)
    assert found["failed"]  # the files are looked at first, for all
    with pytest.raises(ProfileError, match="breaks the signature"):
        load().check_delivery("mdm", "", signed=True)
    load(subject="/CN=%SerialNumber%").check_delivery("mdm", "", signed=True)


def test_an_identity_is_of_one_kind(task: Task) -> None:
    both = {"host": "mac-0", "identity": {"scep": WISH, "client": "mac-0"}}
    assert "mutually exclusive" in task([both])["macs"]["mac-0"]["msg"]
