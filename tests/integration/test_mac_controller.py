# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Mac as controller, as far as that shows without one: nothing asks macOS for the proxies of its System Settings.

Where the environment names no proxy, Python asks macOS, and in the processes that Ansible forks for its tasks that ends
with "A worker was found in a dead state" (ansible/ansible#76322, #49207). Here Python asks as on a Mac, and dies.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.azure_site import GROUP, AzureSite, azure_site

# The functions of CPython's Lib/urllib/request.py as they are where sys.platform is darwin; what they find in
# _scproxy is an abort.
AS_ON_A_MAC = """\
import os
import urllib.request as request


def getproxies_macosx_sysconf():
    os.abort()


def proxy_bypass_macosx_sysconf(host):
    os.abort()


def getproxies():
    return request.getproxies_environment() or getproxies_macosx_sysconf()


def proxy_bypass(host):
    proxies = request.getproxies_environment()
    if proxies:
        return request.proxy_bypass_environment(host, proxies)
    return proxy_bypass_macosx_sysconf(host)


for each in (getproxies_macosx_sysconf, proxy_bypass_macosx_sysconf, getproxies, proxy_bypass):
    setattr(request, each.__name__, each)
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[AzureSite]:
    (tmp_path / "mac").mkdir()
    (tmp_path / "mac/sitecustomize.py").write_text(AS_ON_A_MAC)
    with azure_site(tmp_path, mac1="15.5") as site:
        for name in ("NO_PROXY", "no_proxy"):
            del site.secrets[name]
        site.secrets["PYTHONPATH"] = str(tmp_path / "mac")
        yield site


def test_no_task_asks_macos_for_its_proxies(site: AzureSite) -> None:
    asked = [sys.executable, "-c", "import requests; requests.utils.get_environ_proxies('https://example.com')"]
    died = subprocess.run(asked, env=site.environment({}, site.folder / "none"), check=False)
    assert died.returncode == -signal.SIGABRT
    first = site.play()
    assert first.returncode == 0, first.output
    assert site.lab.macs["mac1"].installed_profiles()
    assert len(site.trusted) == 1
    again = site.play()
    assert (again.returncode, again.changed()) == (0, set()), again.output


@pytest.mark.parametrize("login", ["certificate", "managed_identity", "workload_identity"])
def test_whoever_signs_in(site: AzureSite, login: str) -> None:
    site.secrets = {
        name: value for name, value in site.azure.environment(login).items() if name.lower() != "no_proxy"
    } | {"PYTHONPATH": site.secrets["PYTHONPATH"]}
    options = {"resource_group": GROUP, "vpn_server_configuration": "macs"}
    if login == "managed_identity":
        options["auth_source"] = "msi"
    tasks = [{"name": "Ask", "vwan.user_vpn.server_configuration_info": options}]
    play = [{"name": "Ask Azure", "hosts": "localhost", "gather_facts": False, "tasks": tasks}]
    done = site.play(playbook=site.playbook("ask.yml", play))
    assert done.returncode == 0, done.output
