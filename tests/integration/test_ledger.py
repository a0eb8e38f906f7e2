# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A renewal as it goes through a fleet: the ledger follows what the Macs show. Second tools: sqlite3 and openssl."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.second_tools import openssl
from ansible_collections.vwan.user_vpn.tests.integration.site import IDENTIFIER, PASSPHRASE, Run, Site

RENEW = ("-e", '{"certificates_renew_before_days": 100, "certificates_client_valid_days": 200}')


def local(site: Site, module: str, *options: str, **arguments: Any) -> Run:
    task = {"name": module, f"vwan.user_vpn.{module}": {"pki": str(site.pki)} | arguments}
    playbook = site.playbook("local.yml", [{"hosts": "localhost", "gather_facts": False, "tasks": [task]}])
    run = site.play(*options, playbook=playbook)
    assert run.returncode == 0, run.output
    return run


def statuses(site: Site) -> dict[str, str]:
    told = local(site, "ledger_info").of("ledger_info")
    return {name: client["status"] for name, client in told["clients"].items()}


@pytest.mark.soak
def test_a_renewal_as_it_reaches_the_macs(site: Site) -> None:
    here, away = (site.lab.add_mac(name) for name in ("mac-here", "mac-away"))
    site.variables["certificates_client_valid_days"] = 100
    assert site.play("--check").returncode == 0
    first = site.play()
    assert first.returncode == 0, first.output
    old = {name: entry["sha1"] for name, entry in first.of("client_certificates")["clients"].items()}
    gateway = openssl("x509", "-inform", "DER", "-noout", "-fingerprint", "-sha1", stdin=site.roots[0]).decode()
    rows = site.sql(
        "SELECT host, identifier, serial_number, macos_version, status, profile_uuid = shown_uuid, shown_uuid, "
        "certificate_sha1, gateway_roots FROM deliveries ORDER BY host",
    )
    assert rows == [
        (
            mac.name, IDENTIFIER, mac.serial, "15.5", "installed", 1, mac.installed_profiles()[0]["uuid"],
            old[mac.name], gateway.partition("=")[2].replace(":", "").strip(),
        )
        for mac in (away, here)
    ]  # fmt: skip
    before = site.pki.stat().st_mtime_ns
    assert site.play().changed() == set()
    assert site.pki.stat().st_mtime_ns == before
    assert statuses(site) == {"mac-away": "current", "mac-here": "current"}

    # All are renewed; nobody is at the screen of one Mac, which keeps what it has.
    away.log_out()
    renewed = site.play(*RENEW)
    assert renewed.returncode == 0, renewed.output
    assert statuses(site) == {"mac-away": "behind", "mac-here": "current"}
    issued = site.play(*RENEW[:1], '{"certificates_client_valid_days": 200}').of("client_certificates")
    assert [entry["sha1"] for entry in issued["revocable"]] == [old["mac-here"]]
    told = local(site, "ledger_info").of("ledger_info")
    assert told["clients"]["mac-away"]["mac_sha1"] == old["mac-away"]
    assert "somebody is at the screen" in told["clients"]["mac-away"]["next_step"]

    # The old certificate of the other one is revoked: what Azure has to refuse is returned from now on.
    revoke = {"thumbprints": [entry["sha1"] for entry in told["revocable"]], "state": "revoked", "reason": "superseded"}
    done = local(site, "client_certificates", **revoke).of("client_certificates")
    assert (done["changed"], [entry["sha1"] for entry in done["revoked"]]) == (True, [old["mac-here"]])
    assert not local(site, "client_certificates", **revoke).of("client_certificates")["changed"]

    away.log_in("anna")
    assert site.play().returncode == 0
    assert statuses(site) == {"mac-away": "current", "mac-here": "current"}
    told = local(site, "ledger_info").of("ledger_info")
    assert [entry["sha1"] for entry in told["revocable"]] == [old["mac-away"]]
    assert [entry["sha1"] for entry in told["revoked"]] == [old["mac-here"]]

    # Exported, backed up, lost and restored: the Macs notice nothing.
    export, backup = site.folder / "export.json", site.folder / "backup.db"
    for changed in (True, False):
        assert bool(local(site, "ledger", state="exported", dest=str(export)).changed()) == changed
        assert bool(local(site, "ledger", state="backup", dest=str(backup)).changed()) == changed
    assert len(json.loads(export.read_bytes())["deliveries"]) == len(site.sql("SELECT 1 FROM deliveries"))
    checked = local(site, "ledger", state="checked", pki=str(backup), passphrase=PASSPHRASE).of("ledger")
    assert (checked["certificates"], checked["private"]) == (1 + 2 * 2, 1 + 2)
    site.pki.write_bytes(backup.read_bytes())
    after = site.play()
    assert (after.returncode, after.changed()) == (0, set()), after.output
    assert statuses(site) == {"mac-away": "current", "mac-here": "current"}
    assert [e["sha1"] for e in local(site, "ledger_info").of("ledger_info")["revoked"]] == [old["mac-here"]]

    # A new passphrase: the profiles stay equal to the byte, and the old one opens nothing any more.
    local(site, "ledger", state="rekeyed", passphrase=PASSPHRASE, new_passphrase="another passphrase, 3Wd")
    renders = [path.read_bytes() for path in sorted(site.profiles.glob("*.mobileconfig"))]
    assert "passphrase" in site.play().output
    site.secrets["USER_VPN_PASSPHRASE"] = "another passphrase, 3Wd"
    assert site.play().changed() == set()
    assert [path.read_bytes() for path in sorted(site.profiles.glob("*.mobileconfig"))] == renders


@pytest.mark.soak
def test_a_profile_that_is_taken_off_is_written_down(site: Site) -> None:
    site.lab.add_mac("mac-anna")
    assert site.play().returncode == 0
    off = {"identifier": IDENTIFIER, "state": "absent"}
    seen = "{{ hostvars | vwan.user_vpn.seen(ansible_play_hosts_all) }}"
    noted = {"pki": str(site.pki), "macs": seen, "state": "noted"}
    tasks = [
        {"name": "off", "vwan.user_vpn.mac_profile": off, "register": "revoke_removed"},
        {"name": "noted", "vwan.user_vpn.ledger": noted, "run_once": True},
    ]
    playbook = site.playbook("off.yml", [{"hosts": "all", "gather_facts": False, "become": True, "tasks": tasks}])
    assert site.play("--check", playbook=playbook).returncode == 0
    assert site.sql("SELECT status FROM deliveries") == [("installed",)]
    for changed in (True, False):
        run = site.play(playbook=playbook)
        assert bool(run.changed()) == changed
        assert site.sql("SELECT status, shown_uuid FROM deliveries")[1:] == [("removed", "")]
    assert statuses(site) == {"mac-anna": "removed_from_mac"}


def test_a_ledger_that_is_not_there_is_said_before_the_mac_is_touched(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna")
    site.variables["user_vpn_pki"] = str(site.folder / "nowhere")
    run = site.play("-e", "user_vpn_revoke=mac-anna", playbook="vwan.user_vpn.revoke")
    assert run.returncode != 0
    assert "nowhere" in run.of("client_certificates")["msg"]
    assert "no store" in run.of("client_certificates")["msg"]
    assert mac.execs == []
