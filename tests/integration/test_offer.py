# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A profile that is offered over real ssh: the task ends with the pane, and the staged file goes whatever happens."""

from __future__ import annotations

from typing import Any

from ansible_collections.vwan.user_vpn.tests.integration.lab import lab_samples as samples
from ansible_collections.vwan.user_vpn.tests.integration.mac_shell.shells import until
from ansible_collections.vwan.user_vpn.tests.integration.site import Run, Site
from ansible_collections.vwan.user_vpn.tests.lab import Mac

PROFILE = samples.packed(samples.profile())


def offer(site: Site, *options: str, **arguments: Any) -> Run:
    """One task for each Mac."""
    (site.folder / "vpn.mobileconfig").write_bytes(PROFILE)
    task = {"vwan.user_vpn.mac_profile": {"src": "vpn.mobileconfig"} | arguments}
    play = {"hosts": "user_vpn", "gather_facts": False, "become": True, "tasks": [task]}
    return site.play(*options, playbook=site.playbook("offer.yml", [play]))


def staged(mac: Mac) -> list[str]:
    return [path for path, _content in mac.files() if path.endswith(".mobileconfig")]


def left(mac: Mac) -> list[str]:
    return [path for path, _content in mac.files() if "vwan.user_vpn" in path]


def test_the_staged_file_goes_whatever_happens(site: Site) -> None:
    """Offered; offered when the connection breaks; offered when all that runs for it is killed."""
    anna, ben, carl = (site.lab.add_mac(name, person="ignores") for name in ("mac-anna", "mac-ben", "mac-carl"))
    # Between the offer and the end of the answer.
    ben.when("open", lambda call: ben.drop_connection_when("sw_vers"))
    carl.when("open", lambda call: carl.kill_exec_when("sw_vers"))
    run = offer(site)
    assert run.of("mac_profile", "mac-anna")["status"] == "pending_approval", run.output
    assert run.of("mac_profile", "mac-anna")["offered_to"] == "anna"
    assert run.recap["mac-ben"]["ok"] == run.recap["mac-carl"]["ok"] == 0
    assert staged(carl)

    # Somebody else is at the screen as soon as the pane has its copy. Nothing is left of the one that was killed, and
    # that is said.
    until(lambda: carl.pending)
    carl.console_user = "admin"
    looked = offer(site, offered_to="anna")
    assert looked.returncode == 0, looked.output
    for host in ("mac-anna", "mac-ben", "mac-carl"):
        result = looked.of("mac_profile", host)
        assert (result["status"], result["offered_to"]) == ("pending_approval", "anna")
        assert result["changed"] is (host == "mac-carl")
    assert "[mac-carl] What an interrupted run had staged for anna was removed." in looked.output.replace("\n", " ")
    assert looked.output.count("an interrupted run") == 1
    assert left(carl) == []
    for mac in (anna, ben):
        until(lambda mac=mac: not left(mac))

    for mac in (anna, ben, carl):
        mac.clear_records()
        mac.approve()
    seen = offer(site)
    for mac in (anna, ben, carl):
        result = seen.of("mac_profile", mac.name)
        assert (result["status"], result["changed"], len(mac.execs)) == ("installed", False, 1)
        assert "warnings" not in result
        assert (mac.refusals, mac.python_calls, mac.faults) == ([], [], [])
