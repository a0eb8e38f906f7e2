# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs in containers that forget: each in a folder of its own that is empty at first, sharing PostgreSQL alone.

ansible-runner runs them, as it does in AWX. Second tools: psql, openssl.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.vwan.user_vpn.tests.integration.azure_site import AzureSite, azure_site
from ansible_collections.vwan.user_vpn.tests.integration.conftest import SOAK
from ansible_collections.vwan.user_vpn.tests.integration.killing import kill_all
from ansible_collections.vwan.user_vpn.tests.integration.pki.stores import PostgresStore
from ansible_collections.vwan.user_vpn.tests.integration.site import Run
from ansible_collections.vwan.user_vpn.tests.lab import postgresql
from ansible_collections.vwan.user_vpn.tests.lab.packages import gateway_root
from ansible_collections.vwan.user_vpn.tests.lab.tunnel import authority

SECONDS = 900
MACS = {"mac1": "15.5", "mac2": "14.4", "mac3": "26.1", "mac4": "13.6"}
SLICES, EACH = (8, 25) if SOAK else (4, 3)
OLD, NEW = gateway_root("Gateway Root CA"), gateway_root("Gateway Root G2")


class Container(AzureSite):
    """One job. It has an inventory, the secrets, and nothing that an earlier job has left."""

    names: tuple[str, ...] = ()  # of Macs that no lab has, for jobs that contact none

    def inventory(self) -> Path:
        path = super().inventory()
        if self.names:
            hosts: dict[str, Any] = {"user_vpn": {"hosts": {name: {} for name in self.names}}}
            (path / "hosts.yml").write_text(yaml.safe_dump(hosts))
        return path

    def runner(self, **variables: str) -> list[str]:
        """The command that runs the job in its folder, which gets the form of ansible-runner's private data."""
        for name in ("project", "env"):
            (self.folder / name).mkdir()
        (self.folder / "env/extravars").write_text(json.dumps(variables))
        program = str(Path(sys.executable).parent / "ansible-runner")
        options = ["--playbook", "vwan.user_vpn.site", "--inventory", str(self.inventory())]
        return [program, "run", *options, str(self.folder)]


@pytest.fixture
def store(cluster: postgresql.Cluster, schema: str) -> PostgresStore:
    return PostgresStore(cluster, schema)


def container(folder: Path, shared: AzureSite, store: PostgresStore, names: tuple[str, ...] = ()) -> Container:
    folder.mkdir()
    job = Container(folder, shared.lab, shared.azure, shared.gateway_resource)
    job.variables |= {"user_vpn_pki": store.option}
    del job.variables["user_vpn_profiles_dir"], job.variables["user_vpn_package"]
    job.profiles = folder / "user_vpn/profiles"
    job.secrets |= store.environment
    job.names = names
    return job


def together(jobs: list[tuple[Container, list[str]]]) -> list[Run]:
    """ansible-runner for each job at the same time, on its slice of the Macs."""
    started = []
    for job, slice_ in jobs:
        record = job.folder / "run.jsonl"
        record.touch()
        with record.with_suffix(".txt").open("w") as output:
            run = subprocess.Popen(
                job.runner(user_vpn_hosts=",".join(slice_)),
                cwd=job.folder,
                env=job.environment({}, record),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        started.append((run, record))
    done = []
    try:
        for run, record in started:
            run.wait(SECONDS)
            results = [json.loads(line) for line in record.read_text().splitlines()]
            done.append(Run(run.returncode, record.with_suffix(".txt").read_text(), "", results))
    finally:
        for run, record in started:
            kill_all(run, record)
    for ended in done:
        assert ended.returncode == 0, ended.output
    return done


def rendered(jobs: list[tuple[Container, list[str]]]) -> dict[str, bytes]:
    """The profile of every Mac, out of the folder of the job that rendered it."""
    found: dict[str, bytes] = {}
    for job, slice_ in jobs:
        files = {path.stem: path.read_bytes() for path in job.profiles.glob("*.mobileconfig")}
        assert sorted(files) == sorted(slice_)
        found |= files
    return found


def check_issued_once(store: PostgresStore, site: AzureSite, names: list[str]) -> None:
    """As psql and openssl see it: each client has one certificate, all of one root, the one that Azure trusts."""
    issued = store.rows("SELECT name, state, root_sha1, sha1 FROM certificates WHERE kind = 'client'")
    assert Counter(name for name, *_rest in issued) == Counter(names)
    roots = store.rows("SELECT sha1, state, encode(pem, 'hex') FROM certificates WHERE kind = 'root'")
    assert len(roots) == 1
    assert {(state, root) for _name, state, root, _sha1 in issued} == {("issued", roots[0][0])}
    trusted = site.folder / "root.pem"
    trusted.write_bytes(bytes.fromhex(roots[0][2]))
    assert [authority.thumbprint(der) for der in site.trusted] == [roots[0][0]]
    files = []
    pems = store.rows("SELECT name, encode(pem, 'hex') FROM certificates WHERE kind = 'client'")
    for name, pem in pems:
        files.append(site.folder / f"{name}.pem")
        files[-1].write_bytes(bytes.fromhex(pem))
    verify = ["openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", str(trusted), *map(str, files)]
    assert subprocess.run(verify, capture_output=True, text=True, check=True).stdout.count(": OK\n") == len(names)


@pytest.mark.soak
def test_containers_that_forget(tmp_path: Path, store: PostgresStore) -> None:
    """With Macs: nothing is lost from one job to the next, not even a gateway root that Azure names no longer."""
    slices = [["mac1", "mac2"], ["mac3", "mac4"]]
    with azure_site(tmp_path, **MACS) as site:
        for profile in (site.gateway, site.wan):
            profile.roots = [OLD.certificate]
        first = [(container(tmp_path / f"first-{n}", site, store), slice_) for n, slice_ in enumerate(slices)]
        together(first)
        check_issued_once(store, site, sorted(MACS))

        for profile in (site.gateway, site.wan):
            profile.roots = [NEW.certificate]
        moved = [(container(tmp_path / "moved", site, store), sorted(MACS))]
        together(moved)
        profiles = rendered(moved)
        both = {authority.thumbprint(root.der) for root in (OLD, NEW)}

        site.azure.forget_requests()
        again = [(container(tmp_path / f"again-{n}", site, store), slice_) for n, slice_ in enumerate(slices)]
        for run in together(again):
            assert run.changed() == set(), run.output
            assert set(run.count("changed").values()) == {0}
        assert site.azure.writes == []
        assert rendered(again) == profiles
        check_issued_once(store, site, sorted(MACS))
        for name, mac in site.lab.macs.items():
            assert {item.sha1 for item in mac.keychains["system"] if item.key is None} >= both, name
            [installed] = mac.installed_profiles()
            assert installed["uuid"] in profiles[name].decode("utf-8", "replace")
            assert (mac.refusals, mac.ingestion_errors) == ([], [])


@pytest.mark.soak
def test_slices_of_a_fleet_that_contact_no_mac(tmp_path: Path, store: PostgresStore) -> None:
    """Profiles for an MDM. `make soak` does it with eight jobs and 200 Macs."""
    names = [f"mac-{number:03}" for number in range(SLICES * EACH)]
    slices = [names[start : start + EACH] for start in range(0, len(names), EACH)]
    with azure_site(tmp_path) as site:

        def jobs(which: str) -> list[tuple[Container, list[str]]]:
            made = [container(tmp_path / f"{which}-{n}", site, store, tuple(names)) for n in range(SLICES)]
            for job in made:
                job.variables |= {"user_vpn_delivery": "export", "user_vpn_verify": "none"}
            return list(zip(made, slices, strict=True))

        first = jobs("first")
        together(first)
        check_issued_once(store, site, names)
        again = jobs("again")
        for run in together(again):
            assert run.changed() == set(), run.output
        assert rendered(again) == rendered(first)
        check_issued_once(store, site, names)
        assert store.rows("SELECT count(*) FROM events WHERE what = 'issued'") == [(str(len(names) + 1),)]
