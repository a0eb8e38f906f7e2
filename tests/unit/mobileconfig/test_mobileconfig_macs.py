# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many Macs in one call: what is wrong with one does not concern the others, and what is done once is done once."""

from __future__ import annotations

import json
import multiprocessing
import os
import plistlib
import signal
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig import rendering
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import current, sealing
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import store as stores
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509 import pkcs12
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action
from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import DAY, PASSWORD, root_entry
from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import Pki as Authority
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import PASSPHRASE, Pki

Task = Callable[..., dict[str, Any]]
QUICK = {"n": 1 << 14, "r": 8, "p": 1}
NAMES = [f"mac-{number:02}" for number in range(1, 13)]


@pytest.fixture(scope="session")
def issued(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A store with the identities of these clients; to issue them costs half a second."""
    path = tmp_path_factory.mktemp("store") / "pki.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "SCRYPT", QUICK)
        pki = Pki(str(path), datetime.now(UTC))
        pki.root()
        pki.issue(*NAMES)
    return path.read_bytes()


@pytest.fixture
def store(issued: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pki:
    monkeypatch.setattr(sealing, "SCRYPT", QUICK)
    monkeypatch.setattr(stores, "ROWS", 5)  # of one statement; a fleet needs several
    (tmp_path / "pki.db").write_bytes(issued)
    return Pki(str(tmp_path / "pki.db"), datetime.now(UTC))


@pytest.fixture
def task(store: Pki, settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Task:
    monkeypatch.chdir(tmp_path)

    def go(macs: Iterable[Any], *, host: str = NAMES[0], play: Iterable[str] = NAMES, **more: Any) -> dict[str, Any]:
        how = {name: more.pop(name) for name in ("check", "diff", "strategy", "said") if name in more}
        args = {
            "pki": store.option,
            "passphrase": PASSPHRASE,
            "settings": settings,
            "macs": list(macs),
            "identifier": "com.example.uservpn",
            "connection_name": "Example VPN",
            "organization": "Example Ltd",
            "dest": "profiles",
            **more,
        }
        task_vars = {"inventory_hostname": host, "ansible_play_hosts_all": list(play)}
        return run_action("mobileconfig", args, task_vars=task_vars, **how)

    return go


def mac(name: str, **more: Any) -> dict[str, Any]:
    return {"host": name, "identity": {"client": name}} | more


def document(name: str) -> dict[str, Any]:
    return dict(plistlib.loads(Path(f"profiles/{name}.mobileconfig").read_bytes()))


def written() -> list[str]:
    return sorted(path.name for path in Path("profiles").glob("*.mobileconfig"))


def files_of(names: Iterable[str]) -> list[str]:
    return [f"{name}.mobileconfig" for name in names]


def manifest() -> dict[str, Any]:
    return dict(json.loads(Path("profiles/manifest.json").read_text())["profiles"])


def test_all_at_once(task: Task) -> None:
    predicted = task(map(mac, NAMES), check=True, diff=True)
    assert not Path("profiles").exists()
    first = task(map(mac, NAMES), diff=True)
    assert predicted == first
    assert first["changed"] and all(entry["changed"] for entry in first["macs"].values())
    assert len({entry["profile_uuid"] for entry in first["macs"].values()}) == len(NAMES)
    assert written() == files_of(NAMES) and list(manifest()) == NAMES
    assert len(first["diff"]) == len(NAMES) + 1
    for name, entry in first["macs"].items():
        held = document(name)
        assert held["PayloadUUID"] == entry["profile_uuid"] == manifest()[name]["profile_uuid"]
        names = [payload["PayloadIdentifier"].rpartition(".")[2] for payload in held["PayloadContent"][:-1]]
        assert entry["certificates"] == sorted(names)
        assert (entry["client"], entry["key_on_mac"], entry["delivery"]) == (name, False, "approve")
    for check in (True, False):
        again = task(map(mac, NAMES), check=check, diff=True, passphrase=None)
        assert not again["changed"] and again["diff"] == []
        assert {n: e | {"changed": True} for n, e in again["macs"].items()} == first["macs"]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"problem": "Azure refuses its certificate."}, "Azure refuses its certificate."),
    ({"identity": {"client": "nobody"}}, "has no certificate for the client nobody"),
    ({"identity": {"client": NAMES[1], "sha1": "AB" * 20}}, "has another certificate than ABAB"),
    ({"identity": {"pkcs12_path": "none.p12", "password": "x"}}, "none.p12 cannot be read"),
    ({"identity": {"pkcs12_path": "~nobody-at-all/x", "password": "x"}}, "an account that does not exist"),
    ({"identity": None}, "There is no identity"),
    ({"identity": 5}, "identity must hold names with their values, not int"),
    ({"scope": "Everywhere"}, "value of scope must be one of: System, User"),
    ({"nonsense": 1}, "Unsupported option: nonsense"),
    ({"local_identifier": "someone.else"}, "The local identifier 'someone.else' is no subject alternative name"),
    ({"identifier": "no/identifier"}, "a reverse-DNS name"),
    ({"ikev2": {"MTU": 5}}, "MTU"),
    ({"ikev2": {"a": "\ud800"}}, "ikev2 cannot be used, for it holds half a character"),
    ({"algorithms": "rot13"}, "rot13"),
    ({"client_chain": ["nowhere.pem"]}, "nowhere.pem cannot be read"),
    ({"sign_with": {"certificate": "nowhere.pem", "key": "x"}}, "nowhere.pem cannot be read"),
    ({"settings": {"vpn_server": "gateway.example.com"}}, "The settings hold no gateway root"),
]


@pytest.mark.parametrize(("fault", "says"), BAD)
def test_one_bad_entry_of_many(task: Task, fault: dict[str, Any], says: str) -> None:
    result = task([mac(NAMES[0]), mac(NAMES[1]) | fault, mac(NAMES[2])])
    assert (result["failed"], result["changed"]) == (False, True)
    bad = result["macs"][NAMES[1]]
    assert (bad["failed"], bad["changed"], bad["profile_uuid"], bad["certificates"]) == (True, False, "", [])
    assert says in bad["msg"]
    assert [result["macs"][name]["failed"] for name in (NAMES[0], NAMES[2])] == [False, False]
    assert written() == files_of([NAMES[0], NAMES[2]])
    assert list(manifest()) == [NAMES[0], NAMES[2]]


def test_a_place_that_is_taken_is_the_fault_of_one(task: Task) -> None:
    Path("profiles/mac-02.mobileconfig").mkdir(parents=True)
    result = task(map(mac, NAMES[:3]))
    assert [result["macs"][name]["failed"] for name in NAMES[:3]] == [False, True, False]
    assert "no regular file" in result["macs"]["mac-02"]["msg"]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"settings": {"vpn_server": "gateway.example.com"}}, "The settings hold no gateway root"),
        ({"identifier": "no/identifier"}, "a reverse-DNS name"),
        ({"passphrase": "this is another one"}, "passphrase"),
        ({"passphrase": None}, "Set passphrase"),
        ({"pki": "postgresql://127.0.0.1:1/none"}, "127.0.0.1"),
        ({"dest": "pki.db"}, "pki.db"),
        ({"macs": [mac("mac-01"), {"identity": {"client": "mac-02"}}]}, "macs[2]: missing required arguments: host"),
        ({"macs": [mac("mac-01"), "mac-02"]}, "macs must hold names with their values, not str"),
        ({"macs": [*map(mac, NAMES), mac("mac-03", identity={"client": "x"})]}, "The host mac-03 is in macs twice"),
    ],
)
def test_what_concerns_all_fails_the_task(task: Task, store: Pki, fault: dict[str, Any], says: str) -> None:
    before = store.content()
    result = task(**({"macs": map(mac, NAMES[:3])} | fault))
    assert result["failed"] and not result["changed"]
    assert says in result["msg"]
    assert not Path("profiles").exists()
    assert store.content() == before


def test_a_folder_that_takes_nothing_is_the_fault_of_none(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write anywhere, so the system's answer is played."""
    Path("profiles").mkdir()
    monkeypatch.setattr(os, "access", lambda *_given: False)
    for check in (True, False):
        result = task(map(mac, NAMES), check=check)
        assert result["failed"] and "Nothing can be written into the folder" in result["msg"]


def test_one_identity_for_two_macs(task: Task) -> None:
    macs = [mac("mac-01"), mac("laptop", identity={"client": "mac-01"}), mac("mac-02")]
    for check in (True, False):
        result = task(macs, check=check)
        assert [entry["failed"] for entry in result["macs"].values()] == [True, True, False]
        assert "The client mac-01 is wanted for laptop, too" in result["macs"]["mac-01"]["msg"]
        assert "The client mac-01 is wanted for mac-01, too" in result["macs"]["laptop"]["msg"]
    assert written() == files_of(["mac-02"])
    coming = [mac("new-1", identity={"client": "new"}), mac("new-2", identity={"client": "new"})]
    assert all(entry["failed"] for entry in task(coming, check=True)["macs"].values())
    many = [mac(f"mac-{number}", identity={"client": "mac-01"}) for number in range(200, 300)]
    message = task(many)["macs"]["mac-200"]["msg"]
    assert "wanted for mac-201, mac-202, mac-203 and 96 more, too" in message


def test_one_certificate_in_two_files_is_one_identity(task: Task, pki: Authority) -> None:
    leaf = pki.client()
    Path("a.p12").write_bytes(pki.pkcs12(leaf))
    Path("b.p12").write_bytes(pki.pkcs12(leaf, password="another password"))
    macs = [
        mac("mac-a", identity={"pkcs12_path": "a.p12", "password": PASSWORD}),
        mac("mac-b", identity={"pkcs12_path": "b.p12", "password": "another password"}),
    ]
    result = task([*macs, mac("mac-01")])["macs"]
    assert [result[name]["failed"] for name in ("mac-a", "mac-b", "mac-01")] == [True, True, False]
    assert "is wanted for mac-b, too" in result["mac-a"]["msg"]
    # A Mac that has none for another reason holds none.
    result = task([macs[0], macs[1] | {"problem": "It is lost."}])["macs"]
    assert [result[name]["failed"] for name in ("mac-a", "mac-b")] == [False, True]


def test_files_alone_make_no_store(task: Task, client_pkcs12: bytes, tmp_path: Path) -> None:
    Path("a.p12").write_bytes(client_pkcs12)
    macs = [mac("mac-a", identity={"pkcs12_path": "a.p12", "password": PASSWORD})]
    place = str(tmp_path / "none.db")
    assert task(macs, pki=place)["changed"]
    assert not task(macs, pki=place)["changed"]
    assert not Path(place).exists()
    entries = task([*macs, mac("mac-01")], pki=place)["macs"]
    assert "has no certificate for the client mac-01" in entries["mac-01"]["msg"]
    assert not entries["mac-a"]["failed"] and not Path(place).exists()


def test_a_mac_has_its_own_options(task: Task) -> None:
    on_demand = {"connect": "always", "trusted_ssids": ["Office"]}
    macs = [
        mac("mac-01"),
        mac("mac-02", connection_name="Its own", scope="User", delivery="mdm", organization="", on_demand={}, dns={}),
        mac("mac-03", organization=None, on_demand={"connect": "never"}, ikev2={"MTU": 1300}),
    ]
    result = task(macs, on_demand=on_demand, dns={"servers": ["10.0.0.4"], "match_domains": ["corp.example.com"]})
    entries = result["macs"]
    assert not any(entry["failed"] for entry in entries.values()), entries
    assert [entries[name]["scope"] for name in NAMES[:3]] == ["System", "User", "System"]
    assert [entries[name]["delivery"] for name in NAMES[:3]] == ["approve", "mdm", "approve"]
    assert entries["mac-02"]["display_name"] == "Its own"
    shown = {name: document(name) for name in NAMES[:3]}
    assert [shown[name].get("PayloadOrganization") for name in shown] == ["Example Ltd", None, "Example Ltd"]
    vpn = {name: held["PayloadContent"][-1] for name, held in shown.items()}
    assert [vpn[name]["IKEv2"]["OnDemandEnabled"] for name in vpn] == [1, 0, 0]
    assert ["DNS" in vpn[name] for name in vpn] == [True, False, True]
    assert [vpn[name]["IKEv2"].get("MTU") for name in vpn] == [None, None, 1300]


def test_a_policy_that_is_known_wins(task: Task) -> None:
    policy = {
        "saLifeTimeSeconds": 27000,
        "saDataSizeKilobytes": 102400000,
        "ipsecEncryption": "GCMAES256",
        "ipsecIntegrity": "GCMAES256",
        "ikeEncryption": "AES256",
        "ikeIntegrity": "SHA256",
        "dhGroup": "DHGroup14",
        "pfsGroup": "PFS14",
    }
    macs = [mac("mac-01"), mac("mac-02", ipsec_policy=policy), mac("mac-03", ipsec_policy={})]
    result = task(macs, algorithms="ecp384", ipsec_policy={})
    assert not any(entry["failed"] for entry in result["macs"].values()), result
    parameters = "IKESecurityAssociationParameters"
    vpns = [document(name)["PayloadContent"][-1]["IKEv2"][parameters] for name in NAMES[:3]]
    assert [each["DiffieHellmanGroup"] for each in vpns] == [20, 14, 20]


def test_a_key_that_is_still_to_be_made(task: Task) -> None:
    task([mac("mac-01")])
    before = Path("profiles/mac-01.mobileconfig").read_bytes(), manifest()
    for check in (True, False):
        result = task([mac("mac-01", key_wanted=True), mac("new", key_wanted=True)], check=check)
        assert not result["changed"]
        for entry in result["macs"].values():
            assert (entry["failed"], entry["changed"], entry["key_on_mac"]) == (False, False, True)
            assert entry["profile_uuid"] == "" and "msg" not in entry
    assert (Path("profiles/mac-01.mobileconfig").read_bytes(), manifest()) == before
    refused = task([mac("mac-01", key_wanted=True, scope="User"), mac("mac-02")])["macs"]
    assert "must have the scope System" in refused["mac-01"]["msg"]
    assert not refused["mac-02"]["failed"]


def test_check_mode_without_a_package(task: Task) -> None:
    result = task([mac("mac-01"), mac("mac-02", problem="It is lost.")], settings={}, check=True)
    assert result["changed"] and not result["failed"]
    assert (result["macs"]["mac-01"]["failed"], result["macs"]["mac-01"]["changed"]) == (False, True)
    assert "downloaded the profile package" in result["macs"]["mac-01"]["msg"]
    assert result["macs"]["mac-02"]["msg"] == "It is lost."
    assert task([mac("mac-01")], settings={})["msg"].startswith("settings is empty: give the settings that ")


@pytest.mark.parametrize("strategy", ["free", "host_pinned", "ansible.builtin.free"])
def test_where_run_once_is_ignored_each_host_does_its_own(task: Task, strategy: str) -> None:
    macs = [mac(name) for name in NAMES[:3]]
    result = task(macs, strategy=strategy, host="mac-02")
    assert list(result["macs"]) == ["mac-02"] and written() == files_of(["mac-02"])
    assert task(macs, strategy=strategy, host="elsewhere")["macs"] == {}
    assert len(task(macs, strategy=strategy, host="localhost", play=["localhost"])["macs"]) == 3
    assert list(manifest()) == NAMES[:3]


def test_what_is_known_of_other_hosts_stays(task: Task, store: Pki) -> None:
    task(map(mac, NAMES[:3]))
    task(map(mac, NAMES[2:5]))
    assert list(manifest()) == NAMES[:5]
    assert len(store.sql("SELECT host FROM profiles")) == 5


def warnings(result: dict[str, Any]) -> list[str]:
    """Without what stands before each where a task has no run_once."""
    return [text.removeprefix("[mac-01] ") for text in result["warnings"]]


def test_a_warning_is_shown_once(task: Task, pki: Authority) -> None:
    old = pki.ca("Old Gateway Root", not_after=-DAY)
    settings = {"vpn_server": "gateway.example.com", "gateway_roots": [root_entry(pki.gateway_root), root_entry(old)]}
    result = task(map(mac, NAMES), settings=settings)
    (warning,) = warnings(result)
    assert "Old Gateway Root has expired" in warning and "mac-" not in warning
    some = [mac(name, **({"settings": settings} if name > "mac-06" else {})) for name in NAMES]
    (warning,) = warnings(task(some))
    assert warning.endswith("(6 Macs: mac-07, mac-08, mac-09 and 3 more)")
    (warning,) = warnings(task([mac("mac-01"), mac("mac-02", settings=settings)]))
    assert warning.endswith("(mac-02)")
    for name in ("a", "b"):
        Path(f"{name}.p12").write_bytes(pki.pkcs12(pki.client(name, sans=[])))
    given = [mac(name, identity={"pkcs12_path": f"{name}.p12", "password": PASSWORD}) for name in ("a", "b")]
    (warning,) = warnings(task([*given, mac("mac-01")]))
    assert warning.startswith("it has no alternative name") and warning.endswith("(2 Macs: a and b)")


def test_the_store_is_looked_into_and_opened_once(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []

    def counting(module: Any, name: str) -> None:
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given, **more: counted.append(name) or real(*given, **more))

    for module, name in ((current, "reading"), (current, "writing"), (sealing, "unwrap"), (pkcs12, "read")):
        counting(module, name)
    task(map(mac, NAMES))
    assert sorted(counted) == ["reading", "reading", "unwrap", "writing"]
    counted.clear()
    task(map(mac, NAMES))
    assert counted == ["reading"]
    Path("profiles/mac-05.mobileconfig").unlink()
    counted.clear()
    assert not task(map(mac, NAMES))["changed"]
    assert counted == ["reading", "reading", "unwrap"]
    assert written() == files_of(NAMES)


def test_a_certificate_that_is_renewed_meanwhile(task: Task, store: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    real = current.Known.identities

    def renewing(self: current.Known, *given: Any) -> Any:
        store.issue({"name": "mac-02", "sans": ["b.example.com"]})
        return real(self, *given)

    monkeypatch.setattr(current.Known, "identities", renewing)
    result = task(map(mac, NAMES[:3]))["macs"]
    assert [result[name]["failed"] for name in NAMES[:3]] == [False, True, False]
    assert "got another certificate in this moment; run again" in result["mac-02"]["msg"]


def test_progress_is_told(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "PROGRESS_SECONDS", 0.0)
    said: list[str] = []
    task([mac("lost", problem="It is lost."), *map(mac, NAMES)], said=said)
    assert said[-1].endswith("12 of 12 profiles rendered") and len(said) == 12


def test_who_is_killed_leaves_whole_files_and_goes_on(task: Task, store: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    sums = [entry["sha256"] for entry in task(map(mac, NAMES), dest="whole")["macs"].values()]
    kept = {name: Path(f"whole/{name}.mobileconfig").read_bytes() for name in NAMES}
    before = store.content()

    def renamed() -> None:
        real = Path.replace
        done: list[Path] = []

        def replace(self: Path, target: Path) -> Path:
            done.append(target)
            if len(done) == 5:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(self, target)

        monkeypatch.setattr(Path, "replace", replace)
        task(map(mac, NAMES), connection_name="Another VPN")

    process = multiprocessing.get_context("fork").Process(target=renamed)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert written() == files_of(NAMES[:4])
    assert len(list(Path("profiles").glob(".*.tmp"))) == 1
    assert store.content() == before
    assert all(document(name)["PayloadContent"][-1]["UserDefinedName"] == "Another VPN" for name in NAMES[:4])
    assert not Path("profiles/manifest.json").exists()
    again = task(map(mac, NAMES), connection_name="Another VPN")
    assert all(entry["changed"] for entry in again["macs"].values()), "nobody had noted it"
    assert written() == files_of(NAMES) and list(manifest()) == NAMES
    assert list(Path("profiles").glob(".*.tmp")) == []
    assert [entry["sha256"] for entry in task(map(mac, NAMES))["macs"].values()] == sums
    assert {name: Path(f"profiles/{name}.mobileconfig").read_bytes() for name in NAMES} == kept


def test_no_secret_of_many_is_told(task: Task, store: Pki) -> None:
    shown = json.dumps([task(map(mac, NAMES[:2]), diff=True), task([mac("mac-01", scope="x"), mac("mac-02")])])
    private = store.identity("mac-01").identity
    assert private and private.password not in shown
    assert PASSPHRASE not in shown
    assert private.password in Path("profiles/mac-01.mobileconfig").read_text()


def test_check_mode_tells_of_a_file_that_a_real_run_would_miss(task: Task, tmp_path: Path) -> None:
    missing = [mac(name, identity={"pkcs12_path": f"{name}.p12", "password": "x"}) for name in NAMES[:2]]
    said = "There is no PKCS#12, and a real run fails unless it is made first."
    result = task(missing[:1], check=True)
    assert result["changed"] and warnings(result) == [f"{tmp_path / NAMES[0]}.p12: {said}"]
    assert warnings(task(missing, check=True)) == [said]
    assert all(entry["failed"] for entry in task(missing)["macs"].values())
