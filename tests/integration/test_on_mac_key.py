# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys that are made on the Macs, and never leave them."""

from __future__ import annotations

from ansible_collections.vwan.user_vpn.tests.integration.site import Run, Site


def assert_ended_well(run: Run) -> None:
    assert run.returncode == 0, run.output
    assert not any(run.count("failed").values()), run.output
    assert "WARNING" not in run.output


def test_smoke(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna")
    site.variables["user_vpn_mac_key"] = "on_mac"
    run = site.play("--diff")
    print(run.output)
    print(mac.refusals, mac.ingestion_errors, mac.faults)
    assert_ended_well(run)
    assert run.of("mac_profile")["status"] == "installed"
    second = site.play("--diff")
    print(second.output)
    assert second.changed() == set()
