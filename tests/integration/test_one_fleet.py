# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done once for many Macs: where they differ, where they must not, and in plays that are not ours."""

from __future__ import annotations

import plistlib
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.second_tools import openssl
from ansible_collections.vwan.user_vpn.tests.integration.site import Run, Site

PASSWORD = "password of their PKCS#12"
ANNA, BEN, CHRIS = NAMES = ("mac-anna", "mac-ben", "mac-chris")


@pytest.fixture
def fleet(site: Site) -> Site:
    for name in NAMES:
        site.lab.add_mac(name)
    return site


def pkcs12(folder: Path, name: str) -> Path:
    """An identity that openssl has made."""
    folder.mkdir(exist_ok=True)
    key, certificate, file = (folder / f"{name}.{suffix}" for suffix in ("key", "pem", "p12"))
    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "300",
        "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-addext", "extendedKeyUsage=clientAuth",
        "-addext", "basicConstraints=critical,CA:FALSE",
    )  # fmt: skip
    openssl(
        "pkcs12", "-export", "-legacy", "-in", str(certificate), "-inkey", str(key), "-passout", "env:SECRET",
        "-out", str(file), secret=PASSWORD,
    )  # fmt: skip
    return file


def owner(site: Site, host: str) -> str:
    """Whose certificate is in the profile of a Mac."""
    document = plistlib.loads((site.profiles / f"{host}.mobileconfig").read_bytes())
    (vpn,) = (each["IKEv2"] for each in document["PayloadContent"] if each["PayloadType"] == "com.apple.vpn.managed")
    return str(vpn["LocalIdentifier"])


def refused(run: Run, *hosts: str) -> dict[str, str]:
    """What is said of these Macs, who alone have failed."""
    assert {host for host, count in run.count("failed").items() if count} == set(hosts), run.output
    return {host: str(run.of("mac_profile", host)["msg"]) for host in hosts}


def asked(site: Site) -> set[str]:
    return {name for name, mac in site.lab.macs.items() if mac.execs}


def test_identities_of_ones_own_are_found_by_the_names_of_each_mac(fleet: Site) -> None:
    theirs = fleet.folder / "theirs"
    for name in (ANNA, "ben", CHRIS):
        pkcs12(theirs, name)
    fleet.host_variables[BEN] = {"user_vpn_client_name": "ben"}
    fleet.host_variables[CHRIS] = {"user_vpn_pkcs12_path": str(theirs / "{host}.p12")}
    fleet.variables |= {
        "user_vpn_pkcs12_path": str(theirs / "{client}.p12"),
        "user_vpn_pkcs12_password": PASSWORD,
        "user_vpn_require_installed": True,
    }
    run = fleet.play()
    assert run.returncode == 0, run.output
    assert {host: owner(fleet, host) for host in NAMES} == {ANNA: ANNA, BEN: "ben", CHRIS: CHRIS}
    assert PASSWORD not in run.output

    # one for two of them: neither gets it, the third is served, and what they have stays
    had = {host: fleet.lab.macs[host].installed_profiles() for host in NAMES}
    for host in (ANNA, BEN):
        fleet.host_variables[host] = {"user_vpn_pkcs12_path": str(theirs / f"{CHRIS}.p12")}
    fleet.host_variables[CHRIS] = {"user_vpn_pkcs12_path": str(theirs / f"{ANNA}.p12")}
    for mac in fleet.lab.macs.values():
        mac.clear_records()
    told = refused(fleet.play(), ANNA, BEN)
    assert f"is wanted for {BEN}, too: give each Mac an identity of its own." in told[ANNA]
    assert f"is wanted for {ANNA}, too: give each Mac an identity of its own." in told[BEN]
    assert asked(fleet) == {CHRIS}
    assert {host: owner(fleet, host) for host in NAMES} == {ANNA: ANNA, BEN: "ben", CHRIS: ANNA}
    assert [fleet.lab.macs[host].installed_profiles() == had[host] for host in NAMES] == [True, True, False]


def test_one_client_name_for_two_macs(fleet: Site) -> None:
    for host in (ANNA, BEN):
        fleet.host_variables[host] = {"user_vpn_client_name": "anna"}
    for options in (["--check"], []):
        told = refused(fleet.play(*options), ANNA, BEN)
        assert told[ANNA] == told[BEN]
        assert "'anna' occurs 2 times" in told[ANNA] and "every Mac needs an identity of its own" in told[ANNA]
    assert asked(fleet) == {CHRIS}
    assert not (fleet.profiles / f"{ANNA}.mobileconfig").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("user_vpn_pki", "other.db"),
        pytest.param("user_vpn_passphrase", "pl4nted, another one", marks=pytest.mark.soak),
        pytest.param("user_vpn_publish_root", False, marks=pytest.mark.soak),
    ],
)
def test_what_is_done_once_cannot_differ(fleet: Site, name: str, value: Any) -> None:
    fleet.host_variables[BEN] = {name: value}
    run = fleet.play()
    assert run.returncode != 0
    said = " ".join(run.output.split())
    assert f"{name} is " in said and f" for {ANNA}" in said and "-e user_vpn_hosts=GROUP" in said, run.output
    assert "pl4nted" not in run.output
    assert not fleet.pki.exists() and not fleet.profiles.exists()
    assert all(mac.execs == [] for mac in fleet.lab.macs.values())
    # each group by itself is served
    alone = fleet.play("--check", "-e", f"user_vpn_hosts={BEN}")
    assert alone.returncode == 0, alone.output


def test_a_bad_value_of_one_mac_is_no_other_macs_fault(fleet: Site) -> None:
    """Also that of the first, for which the tasks run that are done once for all."""
    fleet.host_variables[ANNA] = {"user_vpn_scope": "none of these"}
    fleet.host_variables[BEN] = {"user_vpn_on_demand": {"connect": "sometimes"}}
    told = refused(fleet.play(), ANNA, BEN)
    assert told[ANNA] == "user_vpn_scope is 'none of these': set it to System or User."
    assert "on_demand" in told[BEN] and "sometimes" in told[BEN]
    assert asked(fleet) == {CHRIS}


def test_foreign_plays_do_it_their_way(fleet: Site) -> None:
    """With `serial` a batch at a time, with the strategy free each Mac by itself: the same comes of it."""
    roles = ("certificates", "profile_package", "configure_client")
    tasks = [{"ansible.builtin.import_role": {"name": f"vwan.user_vpn.{role}"}} for role in roles]
    play = {"name": "Provision", "hosts": "user_vpn", "gather_facts": False, "become": True, "tasks": tasks}
    how: list[dict[str, Any]] = [{"serial": 1}, {"strategy": "ansible.builtin.free"}]
    for number, more in enumerate(how):
        run = fleet.play(playbook=fleet.playbook(f"foreign-{number}.yml", [play | more]))
        assert run.returncode == 0, run.output
        assert {host: run.of("mac_profile", host)["status"] for host in NAMES} == dict.fromkeys(NAMES, "installed")
        assert {host: owner(fleet, host) for host in NAMES} == dict(zip(NAMES, NAMES, strict=True))
        assert bool(run.changed()) == (number == 0), run.output
    assert fleet.sql("SELECT count(*) FROM certificates") == [(1 + 3,)]
    assert sorted(fleet.sql("SELECT host, status FROM deliveries")) == [(host, "installed") for host in NAMES]
    last = fleet.play()
    assert (last.returncode, last.changed()) == (0, set()), last.output
