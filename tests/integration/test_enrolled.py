# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that Macs get by SCEP are learnt from the Macs or their MDM, and are refused by the names of clients."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.azure_site import AzureSite, azure_site
from ansible_collections.vwan.user_vpn.tests.lab.enrolment import Authority
from ansible_collections.vwan.user_vpn.tests.lab.keychain import Item
from ansible_collections.vwan.user_vpn.tests.lab.mdm import JamfLab

LEARNT = "Enter the certificates that Macs have got by SCEP"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "scep", "SCEP CA")


@pytest.fixture
def site(authority: Authority, tmp_path: Path) -> Iterator[AzureSite]:
    with azure_site(tmp_path, mac1="15.5", mac2="14.4") as site:
        site.variables |= {"user_vpn_scep_root": str(authority.root), "user_vpn_wait": 1}
        site.variables["user_vpn_scep"] = {
            "url": "https://pki.example.com/scep",
            "challenge": "a challenge of some length",
            "subject": "/CN=$SERIALNUMBER/O=Example",
        }
        for name, mac in site.lab.macs.items():
            mac.enrol = authority.enrol
            site.host_variables[name] = {"user_vpn_serial_number": mac.serial}
        yield site


def identities(site: AzureSite, mac: str) -> list[Item]:
    return [item for item in site.lab.macs[mac].keychains["system"] if item.key]


def entered(site: AzureSite) -> dict[str, list[tuple[str, str, str]]]:
    """By client: SHA-1, state and root of its certificates, in the order in which they were entered."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for name, *rest in site.sql("SELECT name, sha1, state, root_sha1 FROM certificates ORDER BY id"):
        found.setdefault(name, []).append((rest[0], rest[1], rest[2]))
    return found


@pytest.mark.soak
def test_through_jamf_they_are_learnt_and_refused_by_name(
    site: AzureSite, authority: Authority, tmp_path: Path
) -> None:
    mac1, mac2 = site.lab.macs.values()
    wifi = Authority(tmp_path / "wifi", "Wi-Fi CA")
    with JamfLab(tmp_path / "mdm") as mdm:
        for mac in (mac1, mac2):
            mdm.enrol(mac)
        site.variables |= {"user_vpn_delivery": "mdm", "user_vpn_mdm": mdm.server}
        first = site.play()
        assert first.returncode == 0, first.output
        assert all(len(identities(site, name)) == 1 for name in site.lab.macs)
        # Its inventory does not list them before it was taken. One for 802.1X is none of ours.
        name = [[["CN", mac1.serial]], [["O", "Example Wi-Fi"]]]
        mac1.keychains["system"].append(wifi.enrol({"Subject": name, "Keysize": 2048}))
        mdm.take_inventory()
        predicted = site.play("--check", "--diff")
        assert predicted.returncode == 0 and LEARNT in str(predicted.changed()), predicted.output
        second = site.play()
        assert second.returncode == 0 and {task for _host, task in second.changed()} == {
            f"vwan.user_vpn.certificates : {LEARNT}"
        }, second.output
        own = {name: identities(site, name)[0].sha1 for name in site.lab.macs}
        assert entered(site) == {name: [(sha1, "issued", "")] for name, sha1 in own.items()}
        third = site.play()
        assert third.returncode == 0 and third.changed() == set(), third.output
        assert all(mac.execs == [] for mac in (mac1, mac2))

        told = site.play(playbook="vwan.user_vpn.report")
        assert told.returncode == 0 and told.of("ledger_info")["clients"]["mac2"]["status"] == "current", told.output
        revoked = site.play("-e", "user_vpn_revoke=mac1", playbook="vwan.user_vpn.revoke")
        assert revoked.returncode == 0, revoked.output
        assert site.refused == {own["mac1"]}
        assert mac1.installed_profiles() == [] and len(mac2.installed_profiles()) == 1

        # It gets no profile any more; and should it get a certificate all the same, that is refused, too.
        mac1.keychains["system"].append(
            authority.enrol({"Subject": [[["CN", mac1.serial]], [["O", "Example"]]], "Keysize": 2048})
        )
        mdm.take_inventory()
        again = site.play()
        assert again.returncode != 0 and "mac1 was revoked" in again.said, again.output
        assert mac1.installed_profiles() == []
        assert [state for _sha1, state, _root in entered(site)["mac1"]] == ["revoked", "revoked"]
        assert len(site.refused) == 2 and own["mac2"] not in site.refused


@pytest.mark.soak
def test_over_ssh_they_are_learnt_whole(site: AzureSite, authority: Authority) -> None:
    mac1, mac2 = site.lab.macs.values()
    root = hashlib.sha1(ssl.PEM_cert_to_DER_cert(authority.root.read_text())).hexdigest().upper()
    site.variables |= {"user_vpn_delivery": "export"}
    behind = site.play()
    assert behind.returncode == 0 and "2 behind" in behind.said, behind.output

    def deliver() -> None:
        """As an MDM does that keeps profiles as they are."""
        (profile,) = site.profiles.glob("*.mobileconfig")
        for mac in (mac1, mac2):
            mac.push_profile(profile.read_bytes().replace(b"$SERIALNUMBER", mac.serial.encode()))

    deliver()
    other = Authority(authority.folder / "other", "Another CA")
    mac1.keychains["system"].append(
        other.enrol({"Subject": [[["CN", mac1.serial]], [["O", "Example"]]], "Keysize": 2048})
    )
    run = site.play()
    assert run.returncode == 0 and "2 current" in run.said, run.output
    own = {name: identities(site, name)[0].sha1 for name in site.lab.macs}
    assert entered(site) == {name: [(sha1, "issued", root)] for name, sha1 in own.items()}
    assert site.pem(own["mac1"]) == identities(site, "mac1")[0].pem
    again = site.play()
    assert again.returncode == 0 and again.changed() == set(), again.output

    deliver()  # which has a Mac enrol anew
    renewed = site.play()
    assert renewed.returncode == 0, renewed.output
    assert [state for _sha1, state, _root in entered(site)["mac2"]] == ["superseded", "issued"]
    revoked = site.play("-e", "user_vpn_revoke=mac2", playbook="vwan.user_vpn.revoke")
    assert revoked.returncode == 0, revoked.output
    assert site.refused == {sha1 for sha1, _state, _root in entered(site)["mac2"]}
