# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks renew, revoke and report, from the ledger to Azure and the Macs."""

from __future__ import annotations

import base64
import csv
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.vwan.user_vpn.tests.integration.azure_site import AzureSite, azure_site
from ansible_collections.vwan.user_vpn.tests.lab.azure import certificates

NAMES = ("mac1", "mac2", "mac3")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[AzureSite]:
    with azure_site(tmp_path, mac1="15.5", mac2="14.4", mac3="26.1") as site:
        run = site.play()
        assert run.returncode == 0, run.output
        yield site


def ledger(site: AzureSite, state: str) -> dict[str, str]:
    """SHA-1 of the certificates in a state, by client, as sqlite3 reads them."""
    query = "SELECT name, sha1 FROM certificates WHERE kind = 'client' AND state = ? ORDER BY not_after"
    return dict(site.sql(query, state))


def on_mac(site: AzureSite, name: str) -> list[str]:
    return [profile["uuid"] for profile in site.lab.macs[name].installed_profiles()]


def ended_well(run: Any) -> None:
    assert run.returncode == 0, run.output


def renew(site: AzureSite, *options: str, **variables: Any) -> Any:
    """Every certificate of a year is due, and the new ones are not."""
    given = {"user_vpn_renew_before_days": 500, "certificates_client_valid_days": 800} | variables
    return site.play(*options, "-e", json.dumps(given), playbook="vwan.user_vpn.renew")


@pytest.mark.soak
def test_a_lost_mac(site: AzureSite) -> None:
    """Gone for ever: Azure refuses it, the ledger remembers, and the run ends well."""
    issued = ledger(site, "issued")
    site.lab.macs["mac2"].offline()
    options = ("-e", "user_vpn_revoke=mac2", "-e", "user_vpn_revoke_reason='lost in a train'")
    assert (site.profiles / "mac2.mobileconfig").exists()
    predicted = site.play("--check", *options, playbook="vwan.user_vpn.revoke")
    ended_well(predicted)
    assert (site.refused, ledger(site, "revoked")) == (set(), {})
    ended = site.play(*options, playbook="vwan.user_vpn.revoke")
    ended_well(ended)
    assert predicted.changed() == ended.changed()
    assert site.refused == {issued["mac2"]}
    assert ledger(site, "revoked") == {"mac2": issued["mac2"]}
    assert issued["mac2"] not in site.keyed()
    assert sorted(path.stem for path in site.profiles.glob("*.mobileconfig")) == ["mac1", "mac3"]
    assert sorted(json.loads((site.profiles / "manifest.json").read_text())["profiles"]) == ["mac1", "mac3"]
    assert "lost in a train" in str(site.sql("SELECT * FROM events"))
    # again: nothing to do, nothing written
    site.azure.forget_requests()
    again = site.play(*options, playbook="vwan.user_vpn.revoke")
    ended_well(again)
    assert again.changed() == set()
    assert site.azure.writes == []
    # it turns up again: its profile goes, and with the others nothing happens
    site.lab.macs["mac2"].online()
    ended_well(site.play(*options, playbook="vwan.user_vpn.revoke"))
    assert on_mac(site, "mac2") == []
    assert site.lab.macs["mac2"].keychain("system") == []
    assert on_mac(site, "mac1") != []
    # the same name gets a new identity, once somebody says so
    barred = site.play()
    assert barred.count("failed") == {"mac1": 0, "mac2": 1, "mac3": 0}, barred.output
    assert "user_vpn_readmit" in barred.output and "lost in a train" in barred.output
    assert on_mac(site, "mac2") == []
    ended_well(site.play("-e", '{"user_vpn_readmit": ["mac2"]}'))
    assert ledger(site, "issued")["mac2"] != issued["mac2"]
    assert len(on_mac(site, "mac2")) == 1
    assert site.refused == {issued["mac2"]}


@pytest.mark.soak
def test_by_thumbprint_and_by_client_name(site: AzureSite) -> None:
    issued = ledger(site, "issued")
    given = f"{issued['mac1'].lower()},mac3"
    run = site.play("-e", f"user_vpn_revoke={given}", playbook="vwan.user_vpn.revoke")
    ended_well(run)
    assert site.refused == {issued["mac1"], issued["mac3"]}
    assert [on_mac(site, name) for name in ("mac1", "mac3")] == [[], []]
    assert len(on_mac(site, "mac2")) == 1


@pytest.mark.soak
def test_a_misspelt_name_does_nothing(site: AzureSite) -> None:
    run = site.play("-e", "user_vpn_revoke=mac1,mack2", playbook="vwan.user_vpn.revoke")
    assert run.returncode != 0
    assert "knows no client 'mack2'" in run.output
    assert (site.refused, ledger(site, "revoked")) == (set(), {})
    assert len(on_mac(site, "mac1")) == 1


def test_an_inventory_without_hosts_revokes_nobody_and_says_so(site: AzureSite) -> None:
    run = site.play("-e", "user_vpn_revoke=mac1", "-e", "user_vpn_hosts=macs", playbook="vwan.user_vpn.revoke")
    assert run.returncode != 0
    assert "No host of the inventory matches macs" in run.output and "nobody was revoked" in run.output
    assert ledger(site, "revoked") == {}


def test_without_the_right_to_write_the_thumbprints_are_shown(site: AzureSite) -> None:
    """Who keeps the configuration by hand sets user_vpn_publish_root to false; then no playbook writes there."""
    issued = ledger(site, "issued")
    site.variables["user_vpn_publish_root"] = False
    site.azure.forget_requests()
    revoked = site.play("-e", "user_vpn_revoke=mac1", playbook="vwan.user_vpn.revoke")
    ended_well(revoked)
    assert "Enter in the portal" in revoked.stdout and issued["mac1"] in revoked.stdout
    ended_well(renew(site, user_vpn_revoke_superseded=True))
    assert not [write for write in site.azure.writes if "vpnserverconfigurations" in write.path.lower()]


def test_an_expired_root_need_not_keep_a_lost_mac_accepted(site: AzureSite) -> None:
    """Azure refuses every change while one is listed."""
    issued = ledger(site, "issued")
    old = base64.b64encode(certificates.authority("Old root", days=-1).certificate.public_bytes(Encoding.DER)).decode()
    site.configuration.properties["vpnClientRootCertificates"].append({"name": "old", "publicCertData": old})
    refused = site.play("-e", "user_vpn_revoke=mac1", playbook="vwan.user_vpn.revoke")
    assert refused.returncode != 0
    assert "set remove_expired_roots" in refused.output
    assert site.refused == set()
    site.variables["user_vpn_remove_expired_roots"] = True
    ended_well(site.play(playbook="vwan.user_vpn.revoke"))
    assert site.refused == {issued["mac1"]}
    names = [root["name"] for root in site.configuration.properties["vpnClientRootCertificates"]]
    assert len(names) == 1 and "old" not in names


def test_the_report(site: AzureSite) -> None:
    seen = {name: list(mac.execs) for name, mac in site.lab.macs.items()}
    run = site.play(playbook="vwan.user_vpn.report")
    ended_well(run)
    assert all(mac.execs == seen[name] for name, mac in site.lab.macs.items())
    folder = site.folder / "user_vpn/report"
    told = json.loads((folder / "report.json").read_text())
    assert {name: client["status"] for name, client in told["clients"].items()} == dict.fromkeys(NAMES, "current")
    with (folder / "report.csv").open(newline="") as stream:
        rows = {row["client"]: row for row in csv.DictReader(stream)}
    issued = ledger(site, "issued")
    for name in NAMES:
        assert rows[name]["mac_sha1"] == rows[name]["sha1"] == issued[name]
        assert rows[name]["profile_uuid"] == on_mac(site, name)[0]
        assert rows[name]["macos_version"] == site.lab.macs[name].release.version
        assert f"{name} " in (folder / "report.txt").read_text()
        assert rows[name]["days_left"] in ("364", "365")
    page = (folder / "report.html").read_text()
    assert page.count(">current</span></td>") == len(NAMES)
    (root,) = {root["sha1"]: root for root in run.of("ledger_info")["gateway_roots"]}.values()
    assert f"<code>{root['sha1']}</code></th><td><time>{root['not_after'][:10]}</time>" in page
    assert f"{len(NAMES)} Macs: {len(NAMES)} current." in page  # as the last run has left it
    assert stat.S_IMODE((folder / "report.html").stat().st_mode) == stat.S_IMODE((folder / "report.csv").stat().st_mode)
    assert site.play(playbook="vwan.user_vpn.report").changed() == set()


@pytest.mark.soak
def test_renewal_in_batches(site: AzureSite) -> None:
    """Two at a time; who is away stays connected with the old identity, is listed as behind, and catches up."""
    before = ledger(site, "issued")
    installed = {name: on_mac(site, name) for name in NAMES}
    site.lab.macs["mac1"].person = "ignores"
    early = {"user_vpn_revoke_superseded": True}
    first = renew(site, user_vpn_renew_batch=2, **early)
    ended_well(first)
    after = ledger(site, "issued")
    renewed = {name for name in NAMES if after[name] != before[name]}
    assert len(renewed) == 2
    # an old one is refused only when the new one is on its Mac
    moved = {name for name in renewed if on_mac(site, name) != installed[name]}
    assert site.refused == {before[name] for name in moved}
    behind = renewed - moved
    assert all(on_mac(site, name) == installed[name] for name in behind)
    assert behind == renewed & {"mac1"}
    report = json.loads((site.folder / "user_vpn/report/report.json").read_text())["clients"]
    assert {name for name in NAMES if report[name]["status"] == "behind"} == behind
    # back again
    site.lab.macs["mac1"].person = "approves"
    ended_well(renew(site, user_vpn_renew_batch=2, **early))
    final = ledger(site, "issued")
    assert all(final[name] != before[name] for name in NAMES)
    assert site.refused == set(before.values())
