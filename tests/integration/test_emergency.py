# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Mac is lost, and somebody types in a hurry."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.azure_site import AzureSite, azure_site
from ansible_collections.vwan.user_vpn.tests.integration.site import Run

# Whoever administers a Mac decides what it says it is.
SERIAL = '=HYPERLINK("http://evil.example","C02")\x1b[31m\u202e\x9b1m'


@pytest.fixture
def site(tmp_path: Path) -> Iterator[AzureSite]:
    with azure_site(tmp_path, mac1="15.5", mac2="26.1") as site:
        site.host_variables["mac2"] = {"user_vpn_client_name": "anna"}
        site.lab.macs["mac2"].serial = SERIAL
        site.variables["user_vpn_report_dir"] = str(site.folder / "report")
        yield site


def files(site: AzureSite) -> dict[str, str]:
    """The store and every profile, by their content."""
    found = [site.pki, *(path for path in site.profiles.rglob("*") if path.is_file())]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def pairs(sha1: str) -> list[str]:
    return [sha1[at : at + 2] for at in range(0, 40, 2)]


def revoke(site: AzureSite, who: Any, *options: str) -> Run:
    return site.play("-e", json.dumps({"user_vpn_revoke": who}), *options, playbook="vwan.user_vpn.revoke")


def test_who_is_lost_is_refused_and_nobody_else(site: AzureSite) -> None:
    assert site.play().returncode == 0
    one, two = (site.identity(mac) for mac in ("mac1", "mac2"))
    assert one and two
    site.azure.forget_requests()
    for mac in site.lab.macs.values():
        mac.clear_records()
    before = files(site)
    manifest = json.loads((site.profiles / "manifest.json").read_text())["profiles"]
    assert SERIAL not in manifest["mac2"]["serial_number"]
    assert manifest["mac2"]["serial_number"].isprintable()

    # names that nobody has, beside one that somebody has: one sentence, and nothing is done
    run = revoke(site, ["mac1", "ana", "laptop"])
    assert run.returncode != 0
    assert "Unknown error" not in run.output
    said = run.of("client_certificates")["msg"]
    assert said.startswith("Nobody was revoked: ")
    assert "no client 'ana' (the nearest known are anna)" in said
    assert "no client 'laptop' (no known name is like it)" in said
    assert said in " ".join(run.output.split())
    assert files(site) == before
    assert site.azure.writes == []
    assert all(mac.execs == [] for mac in site.lab.macs.values())

    # the thumbprint of one as Windows copies it; the other, entered in the portal before, by its inventory name
    portal = {"name": "anna, lost", "thumbprint": ":".join(pairs(two.sha1)).lower()}
    site.configuration.properties["vpnClientRevokedCertificates"] = [portal]
    windows = "\u200e" + " ".join(pairs(one.sha1)).lower()
    for options in (["--check"], []):
        run = revoke(site, [windows, "mac2"], *options)
        assert run.returncode == 0, run.output
        assert {one.sha1, two.sha1} == {entry["sha1"] for entry in run.of("client_certificates")["revoked"]}
        said = " ".join(run.output.split())
        for sha1, name in ((one.sha1, "mac1"), (two.sha1, "anna")):
            assert f"{sha1} as {name}.revoked-{sha1[:8]}" in said
    assert site.refused == {one.sha1, portal["thumbprint"]}
    assert site.identity("mac1") is None and site.identity("mac2") is None
    assert files(site).keys() < before.keys()

    again = revoke(site, f"{':'.join(pairs(one.sha1))},anna")
    assert again.returncode == 0
    assert again.changed() == set()

    # nothing is left to do
    run = site.play("-v", playbook="vwan.user_vpn.report")
    assert run.returncode == 0
    told = json.loads((site.folder / "report/report.json").read_text())["clients"]
    since = "Azure refuses it, as was seen at "
    assert {name: (client["next_step"], client["detail"][: len(since)]) for name, client in told.items()} == {
        "anna": ("", since), "mac1": ("", since),
    }  # fmt: skip

    # and nothing that the Mac says of itself moves a cursor, forges a line or becomes a formula
    texts = [run.output, *((site.folder / f"report/report.{form}").read_text() for form in ("txt", "csv", "json"))]
    assert all(line.isprintable() for text in texts for line in text.split("\n"))
    with (site.folder / "report/report.csv").open(newline="") as stream:
        cells = {row["client"]: row["serial_number"] for row in csv.DictReader(stream)}
    assert cells["anna"].startswith("'=HYPERLINK(")
    assert not [cell for cell in cells.values() if cell.startswith(("=", "+", "-", "@"))]


def test_who_is_revoked_is_cut_off(site: AzureSite) -> None:
    """Azure refuses first, then the session ends; whoever else is connected keeps theirs."""
    pytest.importorskip(
        "azure.storage.blob", reason="azure-storage-blob is missing: make installs it, with requirements/test.txt"
    )
    assert site.play().returncode == 0
    storage = site.azure.storage
    storage.add_container("sessions")
    gateway = site.gateway_resource
    for address, name in (("172.31.250.4", "mac1"), ("172.31.250.5", "anna"), ("172.31.250.6", "stranger")):
        site.azure.connect_client(gateway, address, name)
    refused_before_the_cut = []
    gateway.end_client = lambda _connection_id: refused_before_the_cut.append(len(site.refused))

    # Without a place for the names nobody is cut, and that is said.
    run = revoke(site, "mac1")
    assert run.returncode == 0, run.output
    assert "Without user_vpn_storage_account sessions cannot be ended" in run.said
    assert len(gateway.clients) == 3

    site.variables |= {"user_vpn_storage_account": storage.url, "user_vpn_storage_container": "sessions"}
    site.variables["user_vpn_cut_wait"] = 0
    again = site.azure.connect_client(gateway, "172.31.250.7", "anna")
    reported = site.play(playbook="vwan.user_vpn.report")
    assert reported.returncode == 0, reported.output
    lines = (site.folder / "report/report.txt").read_text().splitlines()
    assert [line.partition(":")[0] for line in lines[2:5]] == [
        "Revoked, and connected all the same", "Connected more than once", "Connected, and no clients of this store",
    ]  # fmt: skip
    assert [line.split()[0] for line in lines[7:9]] == ["anna", "mac1"]
    with (site.folder / "report/report.csv").open(newline="") as stream:
        assert {row["client"]: row["sessions"] for row in csv.DictReader(stream)} == {"anna": "2", "mac1": "1"}
    assert "203.0.113.7" not in reported.output
    gateway.clients = [client for client in gateway.clients if client is not again]
    silent = foreseen = revoke(site, "mac1", "--check")
    assert foreseen.returncode == 0, foreseen.output
    assert "Sessions that would be ended: mac1." in foreseen.said
    told = revoke(site, "mac1", "-v")
    assert told.returncode == 0, told.output
    assert "The sessions of mac1 were ended, and nobody of them was back after" in told.said
    assert [client.user_name for client in gateway.clients] == ["anna", "stranger"]
    assert refused_before_the_cut == [1]
    assert storage.containers["sessions"] == {}
    again = revoke(site, "mac1")
    assert (again.returncode, again.changed()) == (0, set())
    assert "None of them is connected." in again.said

    # Azure refuses whoever is lost also where nobody may write the names; but the run has not done all.
    storage.roles.clear()
    run = revoke(site, "anna")
    assert run.returncode != 0
    assert "the role Storage Blob Data Contributor on the container" in run.said
    assert len(site.refused) == 2
    assert site.identity("mac2") is None
    written = [path.read_text() for path in (site.folder / "report").iterdir()]
    texts = [*(each.output for each in (run, again, silent, reported, told)), *written]
    assert not [secret for secret in site.azure.secrets for text in texts if secret in text]
    quiet = [text for text in texts if text != told.output]
    assert not [text for text in quiet if "203.0.113.7" in text]  # which -v may show, as it shows every result


@pytest.mark.soak
def test_who_is_revoked_is_told_by_address_where_no_name_is_known(site: AzureSite) -> None:
    """With which the last run saw the Mac, in the very session that is on now. Whoever has another is not cut."""
    pytest.importorskip(
        "azure.storage.blob", reason="azure-storage-blob is missing: make installs it, with requirements/test.txt"
    )
    site.azure.storage.add_container("sessions")
    site.variables |= {
        "user_vpn_storage_account": site.azure.storage.url,
        "user_vpn_storage_container": "sessions",
        "user_vpn_cut_wait": 0,
    }
    assert site.play().returncode == 0
    gateway = site.gateway_resource
    began = datetime.now(UTC) - timedelta(hours=1)
    for mac, address in (("mac1", "172.31.250.4"), ("mac2", "172.31.250.5")):
        site.lab.macs[mac].tunnel = {"interface": "ipsec0", "address": address}
        site.azure.connect_client(gateway, address, "a user").since = began
    assert site.play().returncode == 0
    for mac in site.lab.macs.values():
        mac.offline()
    run = revoke(site, "mac1")
    assert run.returncode == 0, run.output
    assert "The store knows none of the names that Azure has for the sessions" in run.said
    assert "The sessions of mac1 were ended. Whether mac1 came back cannot be told" in run.said
    assert [client.address for client in gateway.clients] == ["172.31.250.5"]

    # The address is somebody else's by now.
    site.azure.connect_client(gateway, "172.31.250.4", "a user")
    again = revoke(site, "mac1")
    assert again.returncode == 0, again.output
    assert "None could be matched, so none was ended." in again.said
    assert len(gateway.clients) == 2
