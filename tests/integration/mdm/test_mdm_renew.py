# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook renew over a fleet that is reached through its MDM alone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.azure_site import AzureSite, azure_site
from ansible_collections.vwan.user_vpn.tests.integration.site import Run
from ansible_collections.vwan.user_vpn.tests.lab.azure.messages import Request
from ansible_collections.vwan.user_vpn.tests.lab.mdm import JamfLab

RENEW = "vwan.user_vpn.renew"


@pytest.fixture
def mdm(tmp_path: Path) -> Iterator[JamfLab]:
    with JamfLab(tmp_path / "mdm") as mdm:
        yield mdm
    assert not mdm.refusals


@pytest.fixture
def site(mdm: JamfLab, tmp_path: Path) -> Iterator[AzureSite]:
    """Two Macs whose certificates end soon, and have been delivered by Jamf Pro."""
    with azure_site(tmp_path, mac1="15.5", mac2="14.4") as site:
        for name, mac in site.lab.macs.items():
            mdm.enrol(mac)
            site.host_variables[name] = {"user_vpn_serial_number": mac.serial}
        site.variables |= {"user_vpn_delivery": "mdm", "user_vpn_mdm": mdm.server, "user_vpn_wait": 1}
        site.variables |= {"certificates_client_valid_days": 40, "user_vpn_renew_before_days": 1}
        run = site.play()
        assert run.returncode == 0 and "2 current" in run.said, run.output
        site.variables |= {"certificates_client_valid_days": 365, "user_vpn_renew_before_days": 50}
        site.variables["user_vpn_revoke_superseded"] = True
        yield site


def changes(run: Run) -> set[str]:
    """What has changed but for the report, which tells when the MDM last heard of each Mac."""
    return {task for _host, task in run.changed()} - {"vwan.user_vpn.report : Write the report"}


def killed_at(site: AzureSite, mdm: JamfLab, method: str, path: str) -> None:
    """Run renew, and kill it with all that it has started before that request is served."""
    found: list[subprocess.Popen[bytes]] = []

    def kill(request: Request) -> None:
        if request.method == method and request.path.startswith(path) and found:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(found[0].pid, signal.SIGKILL)

    mdm.watch = kill
    environment = site.environment({}, site.folder / "killed.jsonl")
    found.append(
        subprocess.Popen(
            site.command(playbook=RENEW), cwd=site.folder, env=environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
    )  # fmt: skip
    assert found[0].wait(240) == -signal.SIGKILL
    mdm.watch = lambda _request: None


@pytest.mark.soak
def test_a_renewed_certificate_takes_the_place_of_the_old_one(site: AzureSite, mdm: JamfLab) -> None:
    old = {name: site.identity(name) for name in site.lab.macs}
    asleep = mdm.of(site.lab.macs["mac2"])
    asleep.reaches = "never"
    run = site.play(playbook=RENEW)
    assert run.returncode == 0 and "1 current, 1 behind" in run.said, run.output
    new = site.identity("mac1")
    assert old["mac1"] and new and old["mac2"]
    assert new.sha1 == site.issued("mac1") != old["mac1"].sha1
    # Refused is what the MDM has replaced; a Mac that was away goes on with the old one.
    assert site.refused == {old["mac1"].sha1}
    assert site.identity("mac2") == old["mac2"] and site.issued("mac2") != old["mac2"].sha1
    again = site.play(playbook=RENEW)
    assert again.returncode == 0 and changes(again) == set(), again.output
    assert site.refused == {old["mac1"].sha1}
    mdm.awake(asleep)
    run = site.play(playbook=RENEW)
    assert run.returncode == 0, run.output
    assert (item := site.identity("mac2")) and item.sha1 == site.issued("mac2")
    assert site.refused == {old["mac1"].sha1, old["mac2"].sha1}
    again = site.play(playbook=RENEW)
    assert again.returncode == 0 and changes(again) == set(), again.output
    assert all(mac.execs == [] for mac in site.lab.macs.values())
    assert sorted(map(sorted, mdm.scopes().values())) == [["mac1"], ["mac2"]]


@pytest.mark.soak
@pytest.mark.parametrize(("method", "path"), [("PUT", "/JSSResource/"), ("GET", "/api/v2/mdm/commands")])
def test_a_run_that_is_killed_in_between_is_gone_on_with(site: AzureSite, mdm: JamfLab, method: str, path: str) -> None:
    old = {name: site.identity(name) for name in site.lab.macs}
    killed_at(site, mdm, method, path)
    issued = {name: site.issued(name) for name in site.lab.macs}
    assert site.refused == set() and all(item and item.sha1 != issued[name] for name, item in old.items())
    run = site.play(playbook=RENEW)
    assert run.returncode == 0, run.output
    assert {name: item.sha1 for name in site.lab.macs if (item := site.identity(name))} == issued
    assert site.refused == {item.sha1 for item in old.values() if item}
    again = site.play(playbook=RENEW)
    assert again.returncode == 0 and changes(again) == set(), again.output
