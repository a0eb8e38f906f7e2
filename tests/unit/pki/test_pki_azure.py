# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Azure says, against what the store knows: a lost store, an old backup, a theft, a clock that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki._base import PkiError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.refusals import (
    ENTRY,
    check_clock,
    entry_name,
    note_refused,
    parse_refused,
    root_mark,
)
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.roots import RootResult, Source
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import DAY, Pki, openssl, real_now

pytestmark = pytest.mark.usefixtures("quick")

FLEET = "com.example.vpn"


# -- a store that is lost


def trusted(*roots: RootResult) -> list[dict[str, Any]]:
    return [{"name": "P2SRootCert", "public_cert_data": root.current["public_cert_data"]} for root in roots]


def test_a_first_root_is_not_made_where_azure_knows_one_of_ours(pki: Pki, tmp_path: Path) -> None:
    """The container of the last job is gone, and the store with it."""
    lost = Pki(str(tmp_path / "lost.db")).root(identifier=FLEET)
    asked = {"identifier": FLEET, "trusted": trusted(lost)}
    for check in (True, False):
        with pytest.raises(PkiError, match="Is the store lost, or was it in a job's container") as caught:
            pki.root(**asked, check=check)
        assert lost.current["sha1"] in str(caught.value)
        assert "new_root says that a new root is meant" in str(caught.value)
    assert not pki.exists
    made = pki.root(**asked, new_root=True)
    assert made.changed
    assert "can neither renew nor revoke" in made.warnings[0]
    again = pki.root(**asked)  # it is not about to be made any more
    assert (again.changed, again.warnings) == (False, [])
    assert "can neither renew nor revoke" in pki.root(**asked, generation=2).warnings[0]


def test_where_no_identifier_is_told_the_name_of_the_root_decides(pki: Pki, tmp_path: Path) -> None:
    lost = Pki(str(tmp_path / "lost.db")).root(identifier=FLEET, common_name="Fleet Root")
    with pytest.raises(PkiError, match="Is the store lost"):
        pki.root(trusted=trusted(lost), common_name="Fleet Root")
    assert pki.root(trusted=trusted(lost)).changed


def test_roots_of_others_never_stop_a_run(pki: Pki, tmp_path: Path) -> None:
    """Those of another fleet, Microsoft's script's with our name, what is broken, and whatever else Azure holds."""
    other = Pki(str(tmp_path / "other.db")).root(identifier="com.example.other")
    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=P2SRootCert", "-days", "300",
        "-keyout", tmp_path / "key.pem", "-out", tmp_path / "theirs.pem",
    )  # fmt: skip
    theirs = "".join((tmp_path / "theirs.pem").read_text().splitlines()[1:-1])
    azure: list[dict[str, Any]] = [
        *trusted(other),
        {"name": "P2SRootCert", "public_cert_data": theirs},
        {"name": "broken", "public_cert_data": "LS0tLS1CRUdJTi"},
        {"name": "none", "public_cert_data": None},
        {"name": "odd", "public_cert_data": "ü" * 100},
        {},
    ]
    made = pki.root(identifier=FLEET, trusted=azure)
    assert (made.changed, made.warnings) == (True, [])


def test_what_azure_trusts_already_is_taken_in(pki: Pki, tmp_path: Path) -> None:
    """As Azure's own examples have it: a root whose signature nobody would make today."""
    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=old", "-days", "300", "-sha1",
        "-keyout", tmp_path / "key.pem", "-out", tmp_path / "old.pem",
    )  # fmt: skip
    source = Source(tmp_path / "old.pem")
    pki.now = real_now()
    with pytest.raises(UserVpnError, match="SHA-256"):
        pki.root(source=source, passphrase=None)
    data = "".join((tmp_path / "old.pem").read_text().splitlines()[1:-1])
    assert pki.root(source=source, passphrase=None, trusted=[{"name": "old", "public_cert_data": data}]).changed


@given(st.text(alphabet=st.characters(categories=["L", "N"], include_characters=".-"), max_size=200))
def test_a_mark_fits_and_tells_fleets_apart(identifier: str) -> None:
    mark = root_mark(identifier)
    assert len(mark) <= 64
    assert mark.partition(" ")[0] == "vwan.user_vpn"
    assert mark != root_mark(f"{identifier}x")


# -- a clock that is wrong


@pytest.mark.parametrize(
    ("skew", "words"),
    [
        (301, "5 minutes ahead of Azure's"),
        (-301, "5 minutes behind Azure's"),
        (400 * 86_400, "400 days ahead of"),
        (-3 * 3600, "3 hours behind"),
    ],
)
def test_nothing_is_issued_with_a_clock_that_azure_contradicts(pki: Pki, skew: int, words: str) -> None:
    for check in (True, False):
        with pytest.raises(PkiError, match=words):
            pki.root(clock_skew=skew, check=check)
    assert not pki.exists
    pki.root()
    before = pki.content()
    for check in (True, False):
        with pytest.raises(PkiError, match=words):
            pki.issue("mac-01", means={"clock_skew": skew}, check=check)
    assert pki.content() == before
    pki.issue("mac-01")
    assert not pki.issue("mac-01", means={"clock_skew": skew}).changed  # there is nothing to issue
    assert not pki.root(clock_skew=skew).changed


@pytest.mark.parametrize("skew", [None, 0, 300, -300])
def test_clocks_that_agree_well_enough(skew: int | None) -> None:
    check_clock(skew)


def test_a_run_with_a_clock_far_ahead_is_healed_by_the_next(rooted: Pki) -> None:
    """What it issued is not valid yet: never current, and never the successor for which the good ones are given up."""
    good = rooted.issue("mac-01", "mac-02").entries
    for name, entry in good.items():
        rooted.seen(name, entry.sha1)
    begin = rooted.now
    rooted.now += 400 * DAY
    early = rooted.issue("mac-01", "mac-02").entries
    assert {entry.reason for entry in early.values()} == {"expiring"}
    rooted.now = begin + DAY
    for check in (True, False):
        healed = rooted.issue("mac-01", "mac-02", check=check)
        assert {entry.reason for entry in healed.entries.values()} == {"not_yet_valid"}
        assert healed.revocable == []
    assert not rooted.issue("mac-01", "mac-02").changed
    rooted.seen("mac-01", healed.entries["mac-01"].sha1)
    done = rooted.issue("mac-01", "mac-02")
    assert {c["sha1"] for c in done.revocable} == {good["mac-01"].sha1, early["mac-01"].sha1}
    # mac-02 took the one that is not valid yet: its old one is not there any more, and still nobody gives it up.
    rooted.seen("mac-02", early["mac-02"].sha1)
    assert {c["name"] for c in rooted.issue("mac-01", "mac-02").revocable} == {"mac-01"}


def test_a_root_of_a_clock_far_ahead_is_made_anew(rooted: Pki) -> None:
    rooted.issue("mac-01")
    begin = rooted.now
    rooted.now += 400 * DAY
    early = rooted.root(generation=2).current
    rooted.issue("mac-01")
    rooted.now = begin + DAY
    with pytest.raises(PkiError, match="generation 2 already"):
        rooted.root(generation=1)
    with pytest.raises(PkiError, match="no current root of generation 2"):
        rooted.issue("mac-01", generation=2)
    foreseen = rooted.root(generation=2, check=True)
    assert [(root["generation"], root["state"]) for root in foreseen.before and foreseen.roots] == [
        (1, "previous"), (2, "retired"), (2, "current"),
    ]  # fmt: skip
    made = rooted.root(generation=2)
    assert [(r["generation"], r["state"]) for r in made.roots] == [
        (r["generation"], r["state"]) for r in foreseen.roots
    ]
    assert made.current["sha1"] != early["sha1"]
    assert not rooted.root(generation=2).changed
    entry = rooted.issue("mac-01", generation=2).entries["mac-01"]
    assert (entry.reason, entry.root_sha1) == ("not_yet_valid", made.current["sha1"])
    rooted.now += 800 * DAY  # what was early has begun by now, and stays retired
    assert rooted.root(generation=2).current["sha1"] == made.current["sha1"]
    assert rooted.issue("mac-01").entries["mac-01"].root_sha1 == made.current["sha1"]


# -- a store that is older than what Azure knows


@pytest.fixture
def fleet(rooted: Pki) -> Pki:
    rooted.issue("mac-01", "mac-02")
    return rooted


def renewed(pki: Pki, name: str = "mac-01") -> str:
    """Renewed, seen on the Mac, and Azure refuses the old one."""
    pki.now += 2 * DAY
    sha1 = pki.issue(name, renew_before_days=364).entries[name].sha1
    pki.seen(name, sha1)
    done = pki.end(thumbprints=[c["sha1"] for c in pki.issue(name).revocable], why="its successor was verified")
    pki.tell_azure(done)
    return sha1


def current(pki: Pki, name: str = "mac-01") -> str:
    return next(c.sha1 for c in pki.certificates(name) if c.state == "issued")


@pytest.fixture
def backup(tmp_path: Path) -> Pki:
    """A store in SQLite with two clients, and a copy of it, `old`, that the test restores."""
    pki = Pki(str(tmp_path / "pki.db"))
    pki.root()
    for name, entry in pki.issue("mac-01", "mac-02").entries.items():
        pki.seen(name, entry.sha1)
    return pki


def test_a_backup_from_before_a_renewal_brings_no_refused_certificate_back(backup: Pki, tmp_path: Path) -> None:
    old, first = backup.backup(tmp_path / "old.db"), current(backup)
    second = renewed(backup)
    assert backup.azure == {first: f"mac-01.superseded-{first[:8]}"}
    assert not backup.issue("mac-01", "mac-02").changed
    backup.copied_from(old)
    assert current(backup) == first
    for check in (True, False):
        outcome = backup.issue("mac-01", "mac-02", check=check)
        entry = outcome.entries["mac-01"]
        assert (entry.changed, entry.reason, outcome.entries["mac-02"].changed) == (True, "refused_by_azure", False)
        assert [warning for warning in outcome.warnings if "after the restore of a backup" in warning]
    third = current(backup)
    assert third not in (first, second)
    assert not backup.issue("mac-01", "mac-02").changed
    assert {c.sha1: (c.state, c.mark) for c in backup.certificates("mac-01")} == {
        first: ("revoked", "superseded"), third: ("issued", ""),
    }  # fmt: skip
    backup.seen("mac-01", third)
    assert backup.issue("mac-01").to_refuse == [{"name": f"mac-01.superseded-{first[:8]}", "thumbprint": first}]


def test_a_backup_from_before_a_theft_lets_nobody_in_again(backup: Pki, tmp_path: Path) -> None:
    """The certificate that the stolen Mac had at last is not in the backup: Azure's name for it tells whose it was."""
    old, first = backup.backup(tmp_path / "old.db"), current(backup)
    second = renewed(backup)
    backup.tell_azure(backup.end("mac-01", why="stolen"))
    assert backup.azure[second] == f"mac-01.revoked-{second[:8]}"
    backup.copied_from(old)
    for check in (True, False, False):
        outcome = backup.issue("mac-01", "mac-02", check=check)
        assert outcome.failures == ["mac-01"]
        assert f"mac-01.revoked-{second[:8]}" in outcome.entries["mac-01"].msg
        assert "unless readmit names mac-01" in outcome.entries["mac-01"].msg
        assert outcome.unknown == {second: f"mac-01.revoked-{second[:8]}"}
    assert backup.sql("SELECT thumbprint, name FROM refusals") == [(second, f"mac-01.revoked-{second[:8]}")]
    azure, backup.azure = backup.azure, {}
    assert backup.issue("mac-01").failures == ["mac-01"]  # also while Azure is not asked
    backup.azure = azure
    backup.now += DAY
    assert backup.issue("mac-01", readmit=frozenset({"mac-01"})).entries["mac-01"].reason == "readmitted"
    assert not backup.issue("mac-01").changed
    assert current(backup) != first


def test_what_azure_refuses_under_another_name_counts_as_revoked(fleet: Pki) -> None:
    sha1 = current(fleet)
    fleet.azure = {sha1: "stolen at the airport"}
    before = fleet.content()
    foreseen = fleet.issue("mac-01", "mac-02", check=True)
    assert fleet.content() == before
    done = fleet.issue("mac-01", "mac-02")
    assert foreseen == done
    assert (done.changed, done.failures) == (True, ["mac-01"])
    assert "since 2026-11-22T12:00:00Z: Azure refuses 'stolen at the airport'" in done.entries["mac-01"].msg
    assert done.to_refuse == [{"name": f"mac-01.revoked-{sha1[:8]}", "thumbprint": sha1}]
    fleet.now += DAY
    fleet.azure = {}
    again = fleet.issue("mac-01", "mac-02")
    assert (again.changed, again.failures) == (False, ["mac-01"])
    assert "was revoked at 2026-11-22T12:00:00Z: Azure refuses 'stolen at" in again.entries["mac-01"].msg
    assert fleet.issue("mac-01", readmit=frozenset({"mac-01"})).entries["mac-01"].reason == "readmitted"


def test_what_was_superseded_and_is_refused_by_hand_is_no_theft(fleet: Pki) -> None:
    first = current(fleet)
    fleet.now += 2 * DAY
    fleet.issue("mac-01", renew_before_days=364)
    fleet.azure = {first: first}
    done = fleet.issue("mac-02")  # whoever is asked for
    assert (done.changed, done.failures) == (True, [])
    assert fleet.states("mac-01") == ["revoked", "issued"]
    assert not fleet.issue("mac-01", "mac-02").changed


def test_the_current_certificate_of_a_client_that_is_not_asked_for_waits(fleet: Pki) -> None:
    fleet.azure = {current(fleet): "somebody"}
    assert not fleet.issue("mac-02").changed
    assert fleet.issue("mac-01").failures == ["mac-01"]


def test_thumbprints_that_nobody_knows_are_kept(fleet: Pki) -> None:
    strangers = {f"{number:040X}": f"stranger {number}" for number in range(5)}
    fleet.azure = dict(strangers)
    first = fleet.issue("mac-01")
    assert (first.changed, dict(first.unknown)) == (False, strangers)
    assert "refuses 5 certificates that this store does not know" in first.warnings[0]
    assert fleet.sql("SELECT thumbprint, name, first_seen FROM refusals ORDER BY thumbprint") == [
        (sha1, name, "2026-11-22T12:00:00Z") for sha1, name in sorted(strangers.items())
    ]
    fleet.now += DAY
    before = fleet.content()
    again = fleet.issue("mac-01")
    assert (again.warnings, dict(again.unknown)) == ([], strangers)
    assert fleet.content() == before


def test_a_supplied_certificate_that_azure_refuses_is_not_taken_in_again(pki: Pki, tmp_path: Path) -> None:
    made = Pki(str(tmp_path / "theirs.db"))
    made.root()
    sha1 = made.issue("mac-01").entries["mac-01"].sha1
    identity = made.identity("mac-01").identity
    assert identity
    (tmp_path / "mac-01.p12").write_bytes(identity.pkcs12)
    (tmp_path / "root.pem").write_text(made.pem(made.root().current["sha1"]))
    pki.root(source=Source(tmp_path / "root.pem"), passphrase=None)
    client = {
        "name": "mac-01", "pkcs12_source": str(tmp_path / "mac-01.p12"), "source_password": identity.password,
    }  # fmt: skip
    pki.azure = {sha1: "mac-01"}
    for check in (True, False):
        outcome = pki.issue(client, check=check)
        assert outcome.failures == ["mac-01"]
        assert "has been revoked; supply a new one" in outcome.entries["mac-01"].msg
    pki.azure = {}
    assert pki.issue(client).entries["mac-01"].sha1 == sha1
    pki.end("mac-01")
    again = pki.issue(client, readmit=frozenset({"mac-01"}))
    assert "has been revoked; supply a new one" in again.entries["mac-01"].msg


def test_what_azure_was_seen_to_refuse_is_noted_once(fleet: Pki) -> None:
    sha1 = fleet.end("mac-01").to_refuse[0]["thumbprint"]
    assert fleet.sql("SELECT sha1 FROM events WHERE what = 'refused'") == []
    fleet.azure = {sha1: "whatever it is called", "AB" * 20: "a stranger"}
    outcome = fleet.issue("mac-02")
    assert (outcome.changed, outcome.failures) == (False, [])
    note_refused(fleet.place, fleet.azure, fleet.now)
    assert fleet.sql("SELECT sha1, reason FROM events WHERE what = 'refused'") == [(sha1, "seen in Azure")]
    other = next(c.sha1 for c in fleet.certificates("mac-02"))
    note_refused(fleet.place, {sha1, other}, fleet.now)
    assert fleet.sql("SELECT count(*) FROM events WHERE what = 'refused'") == [(2,)]
    assert fleet.states("mac-02") == ["issued"]  # it is noted, and judged by the next run


# -- names of entries


@given(st.text(alphabet="abcXYZ019.-", min_size=1, max_size=64), st.sampled_from(["superseded", "revoked"]))
def test_an_entry_tells_what_it_is_for(client: str, mark: str) -> None:
    sha1 = "0123456789ABCDEF" * 2 + "01234567"
    name = entry_name(client, mark, sha1)
    assert len(name) <= 80
    found = ENTRY.match(f"{name}-01234567")  # as Azure's module makes a name that is taken already unlike it
    assert found
    assert (found["client"], found["mark"], found["sha1"]) == (client[:59], mark, sha1[:8])


@given(st.lists(st.one_of(st.none(), st.text(), st.dictionaries(st.text(), st.none() | st.text()))))
def test_whatever_azure_holds_means_nothing_or_a_thumbprint(items: list[Any]) -> None:
    try:
        found = parse_refused(items)
    except UserVpnError as error:
        assert "refused" in str(error)
    else:
        assert all(len(sha1) == 40 for sha1 in found)
