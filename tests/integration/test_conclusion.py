# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run costs a Mac with nothing to do, and what is said at its end, whatever came of it."""

from __future__ import annotations

import json
import re
from typing import Any

from ansible_collections.vwan.user_vpn.tests.integration.site import Run, Site

STATS = {"ANSIBLE_SHOW_CUSTOM_STATS": "1"}
DELIVERED = "vwan.user_vpn.configure_client : Bring the profile onto the Mac"


def stats(run: Run) -> dict[str, Any]:
    """What AWX shows as artifacts."""
    (line,) = re.findall(r"^\s*RUN: (\{.*\})$", run.stdout, re.MULTILINE)
    return dict(json.loads(line)["user_vpn"])


def concludes(run: Run, head: str) -> bool:
    """Whether that is said, and nothing after it but the failures and the recap."""
    _before, found, after = run.stdout.partition(head)
    return bool(found) and set(re.findall(r"^TASK \[(.*?)\]", after, re.MULTILINE)) <= {
        "Stop for this Mac",
        "Stop, for sessions of the revoked may go on",
    }


def test_a_mac_with_nothing_to_do_is_one_task_and_two_lines(site: Site) -> None:
    macs = [site.lab.add_mac(f"mac-{number}") for number in range(3)]
    site.variables |= {"user_vpn_report_dir": str(site.folder / "report")}
    assert site.play().returncode == 0
    for mac in macs:
        mac.clear_records()
    run = site.play(env=STATS)
    assert run.returncode == 0, run.output
    assert run.changed() == set()
    assert [len(mac.execs) for mac in macs] == [1, 1, 1]
    # What runs once for all is recorded, and skipped, for the first of them.
    for mac in macs[1:]:
        assert [(each["task"], each["outcome"]) for each in run.results if each["host"] == mac.name] == [
            (DELIVERED, "ok")
        ]
        assert len([line for line in run.stdout.splitlines() if re.search(rf"^{mac.name}\b|\[{mac.name}\]", line)]) == 2
    assert len([entry for entry in run.results if entry["action"].endswith("mac_profile")]) == len(macs)
    lines = run.stdout.partition("CUSTOM STATS")[0].rstrip().splitlines()
    assert len([line for line in lines if line]) <= 2 * len(macs) + 60
    assert len(lines) <= 2 * len(macs) + 69  # for 50 Macs under 170
    assert "WARNING" not in run.output
    assert concludes(run, "3 Macs: 3 current. 0 connected.")
    assert stats(run)["counts"]["current"] == 3
    assert stats(run)["hosts"] == {}
    kept = json.loads((site.folder / "report/conclusion.json").read_text())
    assert kept["counts"] == stats(run)["counts"]
    assert {host: told["status"] for host, told in kept["macs"].items()} == {mac.name: "current" for mac in macs}
    assert (site.folder / "report/conclusion.txt").read_text().startswith("3 Macs: 3 current. 0 connected.\n")


def test_the_conclusion_comes_last_when_no_mac_can_be_reached(site: Site) -> None:
    for name in ("mac-anna", "mac-ben", "mac-chris"):
        site.lab.add_mac(name).offline()
    site.variables |= {"user_vpn_report_dir": str(site.folder / "report")}
    run = site.play(env=STATS)
    assert run.returncode == 2, run.output
    assert run.count("failed") == {"mac-anna": 1, "mac-ben": 1, "mac-chris": 1}
    assert concludes(run, "3 Macs: 3 unreachable. 0 connected.")
    assert "unreachable: mac-anna, mac-ben, mac-chris. Run again when they are reachable." in run.said
    assert stats(run)["counts"]["unreachable"] == 3
    assert stats(run)["hosts"] == {"unreachable": ["mac-anna", "mac-ben", "mac-chris"]}
    assert json.loads((site.folder / "report/conclusion.json").read_text())["hosts"] == stats(run)["hosts"]
    assert (site.profiles / "mac-anna.mobileconfig").exists()


def test_the_conclusion_of_a_limit_to_the_one_mac_that_fails(site: Site) -> None:
    site.lab.add_mac("mac-anna")
    site.lab.add_mac("mac-ben", sudo="refused")
    run = site.play("--limit", "mac-ben", env=STATS)
    assert run.returncode == 2, run.output
    assert run.count("failed") == {"mac-ben": 1}
    assert concludes(run, "1 Mac: 1 failed. 0 connected.")
    assert "failed: mac-ben. " in run.said
    assert stats(run)["hosts"] == {"failed": ["mac-ben"]}
    assert not site.lab.macs["mac-anna"].execs


def test_every_status_with_its_names_and_the_next_step(site: Site) -> None:
    """What is required fails, and how many may fail is the user's to say."""
    site.lab.add_mac("mac-anna")
    site.lab.add_mac("mac-ben", console_user=None)
    site.lab.add_mac("mac-chris").offline()
    site.lab.add_mac("mac-dora")
    site.lab.add_mac("mac-eve", person="ignores")
    site.host_variables = {"mac-dora": {"user_vpn_delivery": "export"}}
    assert site.play("--limit", "mac-anna").returncode == 0
    site.variables["user_vpn_wait"] = 0
    run = site.play(env=STATS)
    assert run.returncode == 2, run.output
    assert {host for host, failed in run.count("failed").items() if failed} == {"mac-chris"}
    assert concludes(
        run,
        "5 Macs: 1 current, 1 waiting for approval, 1 nobody at the screen, 1 unreachable, 1 behind. 0 connected.",
    )
    assert stats(run)["hosts"] == {
        "waiting for approval": ["mac-eve"],
        "nobody at the screen": ["mac-ben"],
        "unreachable": ["mac-chris"],
        "behind": ["mac-dora"],
    }
    assert "behind: mac-dora. Let the MDM deliver the profiles, then run again." in run.said

    # One's own plays go on with the Macs that have not failed.
    after = {"name": "Go on", "hosts": "user_vpn", "gather_facts": False, "tasks": [{"ansible.builtin.debug": None}]}
    name = "Put the Macs onto the User VPN"
    plays = [{"name": name, "ansible.builtin.import_playbook": "vwan.user_vpn.site"}, after]
    required = site.play("-e", "user_vpn_require_installed=true", playbook=site.playbook("own.yml", plays))
    assert [each["host"] for each in required.results if each["action"].endswith("debug")] == ["mac-anna"]
    failed = {host for host, count in required.count("failed").items() if count}
    assert failed == {"mac-ben", "mac-chris", "mac-dora", "mac-eve"}
    assert "5 Macs: 1 current, " in required.stdout
    few = site.play("-e", "user_vpn_max_fail_percentage=10")
    assert {host for host, count in few.count("failed").items() if count} == set(site.lab.macs)


def test_the_same_at_the_end_of_renew_and_revoke(site: Site) -> None:
    site.lab.add_mac("mac-anna")
    site.lab.add_mac("mac-ben")
    assert site.play().returncode == 0
    soon = ("-e", "user_vpn_renew_before_days=390", "-e", "certificates_client_valid_days=400")
    renewed = site.play(*soon, "-e", "user_vpn_renew_batch=1", playbook="vwan.user_vpn.renew", env=STATS)
    assert renewed.returncode == 0, renewed.output
    assert "1 Mac: 1 current. 0 connected." in renewed.stdout
    assert stats(renewed)["counts"]["current"] == 1

    site.lab.macs["mac-ben"].offline()
    revoked = site.play("-e", "user_vpn_revoke=mac-anna,mac-ben", playbook="vwan.user_vpn.revoke", env=STATS)
    assert revoked.returncode == 0, revoked.output  # Azure refuses it all the same
    assert concludes(revoked, "2 Macs: 1 removed, 1 unreachable. 0 connected.")
    assert stats(revoked)["hosts"] == {"removed": ["mac-anna"], "unreachable": ["mac-ben"]}
