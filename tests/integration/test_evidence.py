# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evidence playbook: two execs that change nothing, one file that tells nothing secret."""

from __future__ import annotations

import re
from datetime import datetime

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.mac_shell.shells import until
from ansible_collections.vwan.user_vpn.tests.integration.site import Site
from ansible_collections.vwan.user_vpn.tests.integration.test_secrets import needles
from ansible_collections.vwan.user_vpn.tests.lab.mac import Mac

EVIDENCE = "vwan.user_vpn.evidence"
# Reading only: whatever else a double was asked to do would be a change on a real Mac.
READS = {
    "security": {"find-identity", "find-certificate", "dump-trust-settings", "authorizationdb"},
    "profiles": {"show", "status", "version"},
    "launchctl": {"managername", "asuser"},
    "log": {"show"},
    "scutil": {"--get", "--nc", "--dns", "--nwi"},
}


def state_of(mac: Mac) -> tuple[object, ...]:
    """All of a Mac that a command could change."""
    return (
        list(mac.files()),
        [(profile["identifier"], profile["uuid"]) for profile in mac.installed_profiles()],
        {name: mac.keychain(name) for name in mac.keychains},
        {name: set(items) for name, items in mac.trusted.items()},
        mac.pending,
        mac.tunnel,
        mac.trust_opened,
    )


@pytest.mark.parametrize("version", ["12.7", "14.4", "15.5", "26.1", "27.0"])
@pytest.mark.soak("12.7", "14.4", "26.1", "27.0")
def test_evidence_of_a_mac_in_use(site: Site, version: str) -> None:
    mac = site.lab.add_mac("mac-anna", macos=version, mdm=True)
    assert site.play().returncode == 0
    mac.tunnel = {"interface": "ipsec0", "address": "172.31.250.4", "dns": ["10.1.0.4"], "routes": ["10.1.0.0/16"]}
    mac.log_lines = [
        f"{datetime.now()} nesessionmanager: [com.apple.networkextension:] anna@contoso.com left "
        "wan.0a1b.vpn.azure.com (20.30.40.50): code 23"
    ]
    until(lambda: not any("vwan.user_vpn" in path for path, _content in mac.files()))  # the offer has left some running
    mac.clear_records()
    before = state_of(mac)

    predicted = site.play("--check", playbook=EVIDENCE)
    assert predicted.returncode == 0, predicted.output
    path = site.folder / "user_vpn/evidence.txt"
    assert not path.exists()
    run = site.play(playbook=EVIDENCE)
    assert run.returncode == 0, run.output

    assert len(mac.execs) == 4
    assert state_of(mac) == before
    assert mac.refusals == []
    assert mac.python_calls == []
    for argv in mac.processes:
        name = argv[0].rpartition("/")[2]
        if name in READS and len(argv) > 1:
            assert argv[1] in READS[name], argv
        assert not (name == "security" and argv[1] == "authorizationdb" and argv[2] != "read")
        assert name not in {"rm", "mv", "cp", "tee", "touch", "mkdir", "open", "shortcuts", "defaults"}, argv

    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    assert version in text
    for fact in ("ProfileUUID", "1 identities found", "172.31.250.4", "code 23", "NEIKEv2Provider", "= 44"):
        assert fact in text, fact
    answers = re.findall(r"^\? .*\n\$ .*\n(?:\| .*\n)*= \d+$", text, re.MULTILINE)
    assert len(answers) == text.count("\n? ")
    assert len(answers) > 30
    for hidden in (
        "anna",
        "contoso",
        mac.serial,
        "20.30.40.50",
        "0a1b",
        "mac-anna",
        "mdm.example.com",
        mac.hardware_uuid,
    ):
        assert hidden.lower() not in text.lower(), hidden
    # Neither in the file nor on the wire: profiles are counted on the Mac.
    wire = b"".join(record.stdout + record.stderr for record in mac.execs)
    for name, values in needles(site).items():
        assert not [value for value in values if value in text.encode() or value in wire], name
    assert mac.serial.encode() not in run.output.encode()


def test_one_mac_at_a_time(site: Site) -> None:
    site.lab.add_mac("mac-anna")
    site.lab.add_mac("mac-ben", console_user=None)
    first = site.play(playbook=EVIDENCE)
    assert first.returncode == 0, first.output
    assert set(first.recap) == {"mac-anna"}
    named = site.play("-e", "user_vpn_hosts=mac-ben", playbook=EVIDENCE)
    assert named.returncode == 0, named.output
    assert set(named.recap) == {"mac-ben"}
    both = site.play("-e", "user_vpn_hosts=user_vpn", playbook=EVIDENCE)
    assert both.returncode != 0
    assert "Name one Mac" in both.output


def test_without_become_it_says_what_was_refused(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna")
    task = {"vwan.user_vpn.mac_evidence": {"dest": "evidence.txt"}}
    play = {"hosts": "user_vpn", "gather_facts": False, "become": False, "tasks": [task]}
    run = site.play(playbook=site.playbook("evidence.yml", [play]))
    assert run.returncode == 0, run.output
    text = (site.folder / "evidence.txt").read_text()
    assert "Could not open local log store" in text
    # The exec before has ended, and its connection: what it has left running lives.
    first, second = mac.execs
    assert first.connection is not second.connection
    assert re.search(r"^\? reaching the Mac: processes that outlive their connection\n\$ .*\n\| 1\n= 0$", text, re.M)
    assert mac.refusals == []
