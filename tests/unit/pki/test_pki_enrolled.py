# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that another CA has issued: which are taken for the VPN's, what they supersede, how they are refused."""

from __future__ import annotations

import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.scep import asked
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import backup
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.database import place_of
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.enrolled import found, of_vpn
from ansible_collections.vwan.user_vpn.tests.lab.enrolment import Authority
from ansible_collections.vwan.user_vpn.tests.lab.keychain import Item
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action

SERIAL = "C02XK1ABJG5J"
SUBJECT = "/CN=$SERIALNUMBER/O=Example"
NOW = datetime.now(UTC)


def day(days: int) -> str:
    return (NOW + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def line(number: int, begins: int = -1, **more: Any) -> dict[str, Any]:
    """As an MDM lists a certificate; it begins so many days from now."""
    names = {"common_name": SERIAL, "subject": f"CN={SERIAL},O=Example", "issuer": ""}
    times = {"not_before": day(begins), "not_after": day(begins + 365)}
    return {"sha1": f"{number:040X}", "serial": f"{number:X}"} | names | times | more


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("scep"), "SCEP CA")


@pytest.fixture(scope="module")
def item(authority: Authority) -> Item:
    return authority.enrol({"Subject": [[["CN", SERIAL]], [["O", "Example"]]], "Keysize": 2048})


class Store:
    """One client, `mac-01`, as the module keeps it."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.pki, self.authority = folder / "pki.db", authority

    def learn(self, *there: Any, name: str = "mac-01", **options: Any) -> dict[str, Any]:
        client = {"name": name, "serial_number": SERIAL, "subject": SUBJECT, "enrolled": list(there)}
        how = {each: options.pop(each) for each in ("check", "diff") if each in options}
        given = {"pki": str(self.pki), "clients": [client], "scep_roots": [str(self.authority.root)]}
        told = run_action("client_certificates", given | options, **how)
        assert not told.get("failed"), told
        return told

    def revoke(self, name: str = "mac-01") -> list[str]:
        told = run_action("client_certificates", {"pki": str(self.pki), "clients": [name], "state": "revoked"})
        assert not told.get("failed"), told
        return [each["thumbprint"] for each in told["to_refuse"]]

    def states(self) -> dict[str, str]:
        told = run_action("ledger_info", {"pki": str(self.pki)})
        return {each["sha1"]: each["state"] for each in told["certificates"]}


@pytest.fixture
def store(tmp_path: Path, authority: Authority) -> Store:
    return Store(tmp_path, authority)


def test_what_jamf_lists_is_entered_once_and_refused_by_name(store: Store) -> None:
    first = line(1)
    predicted = store.learn(first, check=True, diff=True)
    assert predicted["changed"] and not store.pki.exists() and "enrolled" in str(predicted["diff"]["after"])
    told = store.learn(first)
    entry = told["clients"]["mac-01"]
    assert told["changed"] and (entry["sha1"], entry["reason"]) == (first["sha1"], "enrolled")
    assert (entry["common_name"], entry["not_after"], entry["root_sha1"]) == (SERIAL, first["not_after"], "")
    assert not store.learn(first)["changed"] and not store.learn()["changed"]
    client = run_action("ledger_info", {"pki": str(store.pki)})["clients"]["mac-01"]
    assert (client["status"], client["origin"], client["days_left"]) == ("current", "enrolled", 363)
    assert backup.check(place_of(str(store.pki))).problems == ()
    for form in ("csv", "json"):
        told = run_action("ledger", {"pki": str(store.pki), "state": "exported", "dest": f"{store.pki}.{form}"})
        assert not told.get("failed"), told
    assert store.revoke() == [first["sha1"]]


def test_a_fleet_of_which_nothing_is_known_yet(store: Store) -> None:
    told = run_action("ledger_info", {"pki": str(store.pki), "may_be_missing": True})
    assert told["clients"] == {} and told["to_refuse"] == [] and not store.pki.exists()
    assert run_action("ledger_info", {"pki": str(store.pki)})["failed"]


def test_one_that_came_whole_is_all_there(store: Store, item: Item) -> None:
    told = store.learn(item.pem)["clients"]["mac-01"]
    root = hashlib.sha1(ssl.PEM_cert_to_DER_cert(store.authority.root.read_text())).hexdigest().upper()
    assert (told["sha1"], told["root_sha1"]) == (item.sha1, root)
    assert backup.check(place_of(str(store.pki))).problems == ()
    assert not store.learn(item.pem, line(int(item.sha1, 16)))["changed"]  # the MDM lists it, too


def test_a_newer_one_supersedes_and_an_older_one_does_not(store: Store) -> None:
    old, new, older = line(1, -100), line(2, -3), line(3, -200)
    store.learn(old)
    store.learn(old, new)
    told = store.learn(older, old)  # an inventory that is late
    assert told["clients"]["mac-01"]["sha1"] == new["sha1"]
    assert store.states() == {old["sha1"]: "superseded", new["sha1"]: "issued", older["sha1"]: "superseded"}
    assert sorted(store.revoke()) == sorted(each["sha1"] for each in (old, new, older))


def test_of_several_new_ones_the_newest_is_the_macs(store: Store) -> None:
    store.learn(line(1, -3), line(2, -100), line(4, -400), line(3, -50))
    assert store.states() == {f"{n:040X}": state for n, state in ((1, "issued"), (2, "superseded"), (3, "superseded"))}


@pytest.mark.parametrize(
    "foreign",
    [
        line(9, subject=f"CN={SERIAL},O=Example Wi-Fi"),
        line(9, subject=f"CN={SERIAL}"),
        line(9, subject=f"CN={SERIAL},O=Example,OU=802.1X"),
        line(9, subject=f"CN={SERIAL},O=Example,O=Example"),
        line(9, subject=""),
        line(9, issuer="Wi-Fi CA"),
        line(9, issuer="SCEP CA", common_name="somebody"),
        line(9, not_after="", not_before=""),
        line(9, not_after="soon"),
        line(9, begins=-400),
    ],
)
def test_what_may_be_another_s_is_left(store: Store, foreign: dict[str, Any]) -> None:
    assert not store.learn(foreign)["changed"] and not store.pki.exists()


@pytest.mark.parametrize(
    "ours",
    [
        line(9, subject=f"O=Example, CN={SERIAL}"),
        line(9, subject=f"o = example,cn={SERIAL.lower()}"),
        line(9, subject="", issuer="SCEP CA"),
    ],
)
def test_however_an_mdm_writes_it(store: Store, ours: dict[str, Any]) -> None:
    assert store.learn(ours)["changed"]


def test_another_ca_s_is_left_whatever_it_is_called(store: Store, tmp_path: Path) -> None:
    for name in ("Wi-Fi CA", "SCEP CA"):  # a name proves nothing
        other = Authority(tmp_path / name, name)
        there = other.enrol({"Subject": [[["CN", SERIAL]], [["O", "Example"]]], "Keysize": 2048})
        assert not store.learn(there.pem)["changed"]


def test_whoever_was_revoked_gets_no_further(store: Store) -> None:
    store.learn(line(1))
    store.revoke()
    told = store.learn(line(1), line(2, 0))
    entry = told["clients"]["mac-01"]
    assert (
        told["changed"] and entry["failed"] and entry["reason"] == "revoked" and "readmit names mac-01" in entry["msg"]
    )
    assert store.states() == {f"{1:040X}": "revoked", f"{2:040X}": "revoked"}
    assert {each["thumbprint"] for each in told["to_refuse"]} == {f"{1:040X}", f"{2:040X}"}
    assert not store.learn(line(1), line(2, 0))["changed"]
    told = store.learn(line(2, 0), line(3, 0), readmit=["mac-01"])
    assert not told["failures"] and told["clients"]["mac-01"]["sha1"] == f"{3:040X}"
    assert len(told["to_refuse"]) == 2
    assert not store.learn(line(3, 0), readmit=["mac-01"])["changed"]


def test_readmitted_before_it_has_another(store: Store) -> None:
    store.learn(line(1))
    store.revoke()
    assert store.learn(line(1), readmit=["mac-01"])["clients"]["mac-01"]["reason"] == "readmitted"
    again = store.learn(line(1), readmit=["mac-01"])
    assert not again["changed"] and not again["failures"] and len(again["to_refuse"]) == 1


def test_what_azure_refuses_is_revoked_here(store: Store) -> None:
    store.learn(line(1))
    told = store.learn(line(1), refused=[f"{1:040X}"])
    assert told["clients"]["mac-01"]["reason"] == "revoked" and store.states() == {f"{1:040X}": "revoked"}


def test_a_certificate_is_one_clients(store: Store) -> None:
    store.learn(line(1))
    told = store.learn(line(1), name="mac-02")
    assert not told["changed"] and "is that of mac-01 in the store" in told["clients"]["mac-02"]["msg"]


def test_from_here_to_scep_and_back(store: Store) -> None:
    passphrase = {"passphrase": "correct horse battery"}
    assert not run_action("root_certificate", {"pki": str(store.pki)} | passphrase).get("failed")
    ours = {"pki": str(store.pki), "clients": ["mac-01"]} | passphrase
    made = run_action("client_certificates", ours)["clients"]["mac-01"]["sha1"]
    store.learn(line(1))
    assert store.states()[made] == "superseded"
    told = run_action("client_certificates", ours | {"renew_batch": 1})["clients"]["mac-01"]
    assert told["reason"] == "root_rotated" and store.states()[f"{1:040X}"] == "superseded"
    assert store.states()[told["sha1"]] == "issued"


@pytest.mark.parametrize(
    ("client", "said"),
    [
        ({"enrolled": [3], "subject": SUBJECT}, "holds something else than certificates"),
        ({"enrolled": "x", "subject": SUBJECT}, "must be a list"),
        ({"enrolled": [{"sha1": "12"}], "subject": SUBJECT}, "holds something else than certificates"),
        ({"enrolled": []}, "go together"),
        ({"subject": SUBJECT}, "go together"),
    ],
)
def test_what_cannot_be_is_told(tmp_path: Path, client: dict[str, Any], said: str) -> None:
    given = {"pki": str(tmp_path / "pki.db"), "clients": [{"name": "mac-01"} | client]}
    told = run_action("client_certificates", given)
    assert told["failed"] and said in told["msg"], told


@pytest.mark.parametrize(
    ("client", "said"),
    [
        ({"subject": "/O=Example"}, "identity.scep.subject has no CN"),
        ({"sans": ["x.example.com"]}, "gets its certificate elsewhere"),
        ({"pkcs12_source": "x.p12"}, "gets its certificate elsewhere"),
    ],
)
def test_one_client_fails_alone(tmp_path: Path, client: dict[str, Any], said: str) -> None:
    wrong = {"name": "mac-01", "subject": SUBJECT, "enrolled": []} | client
    (tmp_path / "x.p12").write_bytes(b"x")
    if "pkcs12_source" in wrong:
        wrong["pkcs12_source"] = str(tmp_path / "x.p12")
    good = {"name": "mac-02", "serial_number": SERIAL, "subject": SUBJECT, "enrolled": [line(1)]}
    told = run_action("client_certificates", {"pki": str(tmp_path / "pki.db"), "clients": [wrong, good]})
    assert told["failures"] == ["mac-01"] and said in told["clients"]["mac-01"]["msg"], told
    assert told["clients"]["mac-02"]["sha1"] == f"{1:040X}"


@pytest.mark.parametrize(
    ("subject", "wanted"),
    [
        ("/CN=$SERIALNUMBER/O=Example", (("CN", SERIAL), ("O", "Example"))),
        ("/CN={{serialnumber}}", (("CN", SERIAL),)),
        ("/CN=%SerialNumber%/OU=vpn", (("CN", SERIAL), ("OU", "vpn"))),
        ("/CN=vpn-$FLEET_VAR_HOST_HARDWARE_SERIAL", (("CN", f"vpn-{SERIAL}"),)),
        ("/CN=$EMAIL/O=Example", (("CN", None), ("O", "Example"))),
        ("/CN=$SERIALNUMBER/O=$SITE", (("CN", SERIAL), ("O", None))),
        ([[["CN", "mac"]]], (("CN", "mac"),)),
    ],
)
def test_the_name_that_a_mac_asks_for(subject: Any, wanted: Any) -> None:
    assert asked(subject, SERIAL) == wanted
    if "SERIAL" in str(subject).upper() and "O=$" not in str(subject):
        assert asked(subject, "")[0] == ("CN", None)


def test_a_name_that_nobody_can_tell_is_taken_from_its_issuer_alone(authority: Authority, item: Item) -> None:
    wanted = asked("/CN=$EMAIL/O=Example", SERIAL)
    judged = partial(of_vpn, wanted=wanted, authorities=[], now=NOW)
    assert judged(found([line(1)])) == () == judged(found([item.pem]))


@given(st.text(), st.text())
def test_whatever_an_mdm_writes_no_other_name_is_taken(subject: str, value: str) -> None:
    for there in of_vpn(found([line(1, subject=subject)]), (("CN", value),), [], NOW):
        assert value.strip().casefold() in there.subject.replace("\\", "").casefold() or "\\" in value
