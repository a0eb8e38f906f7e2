# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An old backup is restored, or the store is lost: the next run heals it, or says exactly what it cannot.

Over both databases. Second tools: openssl as the gateway, sqlite3 and psql.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.azure_site import azure_site
from ansible_collections.vwan.user_vpn.tests.integration.pki.fleets import Fleet, failed, reasons, said
from ansible_collections.vwan.user_vpn.tests.integration.pki.stores import AnyStore, PostgresStore, SqliteStore
from ansible_collections.vwan.user_vpn.tests.integration.second_tools import openssl

MACS = {"mac1": "15.5", "mac2": "14.4", "mac3": "26.1", "mac4": "13.6"}
STRANGER = "AB" * 20


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> AnyStore:
    if request.param == "sqlite":
        return SqliteStore(tmp_path / "user_vpn.db")
    return PostgresStore(request.getfixturevalue("cluster"), request.getfixturevalue("schema"))


@pytest.fixture
def fleet(tmp_path: Path, store: AnyStore) -> Iterator[Fleet]:
    with azure_site(tmp_path, **MACS) as site:
        yield Fleet(site, store)
        for mac in site.lab.macs.values():
            assert (mac.refusals, mac.ingestion_errors, mac.faults) == ([], [], [])


def renew(fleet: Fleet, days: int, *names: str) -> None:
    """These Macs alone get their successors, and Azure refuses what they had."""
    hosts = ",".join(names)
    fleet.run(user_vpn_hosts=hosts, certificates_client_valid_days=days, user_vpn_renew_before_days=days - 1)


@pytest.mark.soak
def test_an_old_backup_is_restored(fleet: Fleet, store: AnyStore, tmp_path: Path) -> None:
    site = fleet.site
    fleet.run(user_vpn_hosts="mac1,mac2,mac4")
    first = {name: fleet.on_mac(name) for name in MACS}
    backup = fleet.backup(tmp_path / ("backup.db" if isinstance(store, SqliteStore) else "backup.sql"))

    # since then: a new Mac, two renewals of one, a theft, and somebody who enters a certificate in the portal
    fleet.run(user_vpn_hosts="mac3")
    renew(fleet, 366, "mac1")
    between = fleet.on_mac("mac1")
    renew(fleet, 367, "mac1")
    latest = {name: fleet.on_mac(name) for name in MACS}
    fleet.revoke("mac4", "stolen on the train")
    site.configuration.properties["vpnClientRevokedCertificates"].append(
        {"name": "laptop of Ben", "thumbprint": STRANGER}
    )
    refused = site.refused
    assert refused == {first["mac1"], between, first["mac4"], STRANGER}
    assert fleet.accepted() == {"mac1", "mac2", "mac3"}

    store.restore(backup)
    assert fleet.known() == {first["mac1"], first["mac2"], first["mac4"]}
    healed = fleet.play()
    assert failed(healed) == {"mac4"}, healed.output
    assert healed.returncode == 2
    told = said(healed)
    # what is superseded: a new one, said loudly
    assert f"Azure refuses 'mac1.superseded-{first['mac1'][:8]}'" in told
    assert "the store is older than Azure's list" in told
    assert fleet.on_mac("mac1") not in {first["mac1"], between, latest["mac1"]}
    # who was stolen: nothing, with date and reason, and the way back
    assert f"Azure refuses 'mac4.revoked-{first['mac4'][:8]}'" in told
    assert "mac4 counts as revoked since 20" in told
    assert "user_vpn_readmit" in told
    # who did nothing in between has what it had; the new Mac, which the store has forgotten, a new one
    assert fleet.on_mac("mac2") == first["mac2"]
    assert fleet.accepted() == {"mac1", "mac2", "mac3"}
    assert {fleet.on_mac(name) for name in ("mac1", "mac2", "mac3")} <= fleet.known()
    # nothing that Azure refused is let in again, and what the store does not know is noted
    assert site.refused >= refused
    assert {sha1 for (sha1,) in store.rows("SELECT thumbprint FROM refusals")} == {between, STRANGER}
    assert fleet.states("mac4") == ["revoked"]

    # from now on it is quiet: again, and without the stolen Mac nothing is left to do
    again = fleet.play()
    assert (failed(again), again.changed()) == ({"mac4"}, set()), again.output
    assert "mac4 was revoked at 20" in said(again)
    site.azure.forget_requests()
    assert fleet.run(user_vpn_hosts="user_vpn:!mac4").changed() == set()
    assert site.azure.writes == []

    back = fleet.run(user_vpn_readmit=["mac4"])
    assert reasons(back)["mac4"] == "readmitted"
    assert fleet.accepted() == set(MACS)
    assert site.refused >= refused
    assert store.rows("SELECT client FROM events WHERE what = 'readmitted'") == [("mac4",)]


@pytest.mark.soak("sqlite")
def test_the_store_is_lost(fleet: Fleet, store: AnyStore, tmp_path: Path) -> None:
    """Or the job runs in another container, or pki names another one. Roots of others never stop a run."""
    site = fleet.site
    theirs = tmp_path / "theirs.der"
    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=P2SRootCert", "-days", "3650", "-outform", "DER",
        "-keyout", str(tmp_path / "theirs.key"), "-out", str(theirs),
    )  # fmt: skip
    public = openssl("base64", "-A", "-in", str(theirs)).decode()
    roots = site.configuration.properties["vpnClientRootCertificates"]
    roots.append({"name": "P2SRootCert", "publicCertData": public})
    fleet.run(user_vpn_hosts="mac1,mac2")
    before = {name: fleet.on_mac(name) for name in ("mac1", "mac2")}
    trusted = set(site.trusted)
    assert len(trusted) == 2 and theirs.read_bytes() in trusted

    store.lose()
    site.azure.forget_requests()
    for mac in site.lab.macs.values():
        mac.clear_records()
    for publish in (True, False):
        stopped = fleet.play(user_vpn_hosts="mac1,mac2", user_vpn_publish_root=publish)
        assert stopped.returncode != 0
        assert "Is the store lost, or was it in a job's container" in said(stopped), stopped.output
        assert "new_root" in said(stopped)
    checked = fleet.site.play("--check", "-e", json.dumps({"user_vpn_hosts": "mac1,mac2"}))
    assert "Is the store lost" in said(checked)
    assert site.azure.writes == []
    assert all(mac.execs == [] for mac in site.lab.macs.values())
    assert {name: fleet.on_mac(name) for name in ("mac1", "mac2")} == before
    assert fleet.accepted() == {"mac1", "mac2"}

    # another fleet's root is none of ours, in the same configuration of Azure
    other = fleet.play(user_vpn_hosts="mac3", user_vpn_identifier="com.example.another", user_vpn_verify="none")
    assert other.returncode == 0, other.output
    store.lose()

    meant = fleet.run(user_vpn_hosts="mac1,mac2", user_vpn_new_root=True)
    assert "this store does not know" in said(meant)
    assert {fleet.on_mac("mac1"), fleet.on_mac("mac2")}.isdisjoint(before.values())
    assert fleet.accepted() == {"mac1", "mac2"}
    assert set(site.trusted) > trusted
    assert fleet.run(user_vpn_hosts="mac1,mac2").changed() == set()
