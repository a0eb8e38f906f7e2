# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People are waited for together: all are offered their profile first, and then looked at again in rounds."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.mac_shell.shells import until
from ansible_collections.vwan.user_vpn.tests.integration.site import Run, Site
from ansible_collections.vwan.user_vpn.tests.lab import Mac
from ansible_collections.vwan.user_vpn.tests.lab.calls import Call

ONE_FORK = ("--forks", "1")


def at_exec(mac: Mac, number: int, action: Callable[[], None]) -> None:
    """Do something at the Mac as soon as it is asked for the nth time."""

    def moment(call: Call) -> None:
        if len(mac.execs) < number:
            mac.when("sw_vers", moment)
        else:
            action()

    mac.when("sw_vers", moment)


def pauses(run: Run) -> list[int]:
    """The seconds of each round."""
    found = [entry["result"] for entry in run.results if entry["action"].endswith("wait_for")]
    return [result["invocation"]["module_args"]["timeout"] for result in found]


def rounds(run: Run) -> list[str]:
    """What is said while people are waited for."""
    return re.findall(r"^TASK \[.*Wait for people: (.*?)\]", run.stdout, re.MULTILINE)


def status(run: Run, mac: Mac) -> tuple[str, str]:
    result = run.of("mac_profile", mac.name)
    return result["status"], result["offered_to"]


@pytest.mark.soak
def test_nobody_approves_and_nobody_is_waited_for_alone(site: Site) -> None:
    """One fork, and the wait is not multiplied. Who is at the screen by then does not matter."""
    macs = [site.lab.add_mac(f"mac-{number}", person="ignores") for number in range(4)]
    at_exec(macs[1], 3, macs[1].log_out)
    at_exec(macs[2], 3, lambda: macs[2].log_in("admin"))
    site.variables["user_vpn_wait"] = 3
    run = site.play(*ONE_FORK)
    assert run.returncode == 0, run.output
    assert 2 <= sum(pauses(run)) <= 3
    assert rounds(run)[0] == "0 of 4 have their profile; waiting for mac-0, mac-1, mac-2, mac-3"
    assert len(rounds(run)) == len(pauses(run))
    for mac in macs:
        assert status(run, mac) == ("pending_approval", "anna")
        assert "waits for anna to approve it" in run.of("mac_profile", mac.name)["msg"]
        assert len(mac.execs) == 2 + len(pauses(run))  # two to offer, one a round
        assert mac.refusals == []
        until(lambda mac=mac: not [path for path, _content in mac.files() if "vwan.user_vpn" in path])
    assert "4 Macs: 4 waiting for approval. 0 connected." in run.stdout
    assert "skipping: " not in run.stdout.partition("Wait for people")[2].partition("PLAY [")[0]
    offered = [entry["host"] for entry in run.results if entry["action"].endswith("mac_profile")][:4]
    assert sorted(offered) == [mac.name for mac in macs]  # before anybody is looked at again


def test_who_approves_late_is_seen_and_not_looked_at_again(site: Site) -> None:
    first, second, away = (site.lab.add_mac(f"mac-{number}", person="ignores") for number in range(3))
    at_exec(first, 3, first.approve)
    at_exec(second, 4, second.approve)
    away.console_user = None
    site.variables["user_vpn_wait"] = 300
    run = site.play(*ONE_FORK)
    assert run.returncode == 0, run.output
    assert rounds(run) == [
        "0 of 2 have their profile; waiting for mac-0, mac-1",
        "1 of 2 have their profile; waiting for mac-1",
    ]
    assert len(pauses(run)) == 2
    assert [status(run, mac) for mac in (first, second, away)] == [
        ("installed", ""),
        ("installed", ""),
        ("no_console_user", ""),
    ]
    assert [len(mac.execs) for mac in (first, second, away)] == [3, 4, 1]
    assert "3 Macs: 2 current, 1 nobody at the screen. 0 connected." in run.stdout
    assert site.play().changed() == set()


@pytest.mark.soak
def test_a_mac_that_goes_away_while_it_is_waited_for_holds_nobody_up(site: Site) -> None:
    gone, other = (site.lab.add_mac(f"mac-{number}", person="ignores") for number in range(2))
    at_exec(gone, 3, gone.offline)
    at_exec(other, 4, other.approve)
    site.variables["user_vpn_wait"] = 300
    run = site.play()
    assert rounds(run) == [
        "0 of 2 have their profile; waiting for mac-0, mac-1",
        "0 of 1 have their profile; waiting for mac-1",
    ]
    assert status(run, other) == ("installed", "")
    assert run.count("failed") == {gone.name: 1, other.name: 0}
    assert "2 Macs: 1 current, 1 unreachable. 0 connected." in run.stdout


def test_without_a_wait_the_profile_is_just_offered(site: Site) -> None:
    macs = [site.lab.add_mac(f"mac-{number}", person="ignores") for number in range(2)]
    site.variables["user_vpn_wait"] = 0
    run = site.play()
    assert run.returncode == 0, run.output
    assert (rounds(run), pauses(run)) == ([], [])
    for mac in macs:
        assert status(run, mac) == ("pending_approval", "anna")
        assert len(mac.execs) == 2
    assert "2 Macs: 2 waiting for approval. 0 connected." in run.stdout
