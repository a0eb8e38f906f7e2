# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client root is rotated through the playbooks: nobody is ever locked out, and the old root goes at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.azure_site import AzureSite, azure_site
from ansible_collections.vwan.user_vpn.tests.integration.second_tools import openssl

NAMES = ("mac1", "mac2", "mac3")
SITE, RENEW = "vwan.user_vpn.site", "vwan.user_vpn.renew"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[AzureSite]:
    with azure_site(tmp_path, mac1="15.5", mac2="14.4", mac3="26.1") as site:
        run(site)
        site.variables |= {"user_vpn_root_generation": 2, "user_vpn_withdraw_old_roots": True}
        yield site


def run(site: AzureSite, *options: str, playbook: str = SITE, ends_with: int = 0) -> Any:
    """A run after which every Mac can connect, whatever it has done; with at most one write in each of its tasks."""
    site.azure.forget_requests()
    done = site.play(*options, playbook=playbook)
    assert done.returncode == ends_with, done.output
    writers = [entry for entry in done.results if entry["action"].endswith("server_configuration")]
    assert len(site.azure.writes) <= len([entry for entry in writers if entry["result"].get("changed")])
    everybody_connects(site)
    return done


def issued(site: AzureSite) -> dict[str, str]:
    return dict(site.sql("SELECT name, sha1 FROM certificates WHERE kind = 'client' AND state = 'issued'"))


def roots(site: AzureSite) -> dict[int, str]:
    return dict(site.sql("SELECT generation, sha1 FROM certificates WHERE kind = 'root'"))


def fingerprint(der: bytes) -> str:
    shown = openssl("x509", "-inform", "DER", "-noout", "-fingerprint", "-sha1", stdin=der).decode()
    return shown.strip().partition("=")[2].replace(":", "")


def trusted(site: AzureSite) -> set[str]:
    return {fingerprint(root) for root in site.trusted}


def identity(site: AzureSite, name: str) -> str:
    """The thumbprint of the one client identity on a Mac."""
    (found,) = [item["sha1"] for item in site.lab.macs[name].keychain("system") if item["has_key"]]
    return str(found)


def everybody_connects(site: AzureSite, but: tuple[str, ...] = ()) -> None:
    """What Azure asks of the identity on each Mac: a root that it trusts, as openssl verifies it; not refused."""
    bundle = site.folder / "trusted.pem"
    bundle.write_bytes(b"".join(openssl("x509", "-inform", "DER", stdin=root) for root in site.trusted))
    for name in set(NAMES) - set(but):
        sha1 = identity(site, name)
        certificate = site.folder / "leaf.pem"
        certificate.write_text(site.pem(sha1))
        verified = openssl("verify", "-purpose", "sslclient", "-CAfile", str(bundle), str(certificate)).decode()
        assert verified.strip().endswith("OK")
        assert sha1 not in site.refused


def said(run: Any) -> str:
    """What the run says of roots that are still needed."""
    task = "Say who still needs an old root"
    found = [entry["result"] for entry in run.results if entry["task"].endswith(task)]
    return " ".join(str(item.get("msg", "")) for result in found for item in result.get("results", [result]))


def has_key(site: AzureSite, generation: int) -> bool:
    [(sealed,)] = site.sql("SELECT sealed FROM certificates WHERE kind = 'root' AND generation = ?", str(generation))
    return sealed is not None


UNREACHABLE = 2  # a Mac that is away counts as failed, once it has been said what came of all
# Whether the last Mac takes its profile in the very same run, nobody can predict.
WITHDRAWAL = ("Let Azure trust old roots no longer", "Destroy the keys of these roots")


def foreseeable(run: Any) -> set[tuple[str, str]]:
    return {(host, task) for host, task in run.changed() if not task.endswith(WITHDRAWAL)}


@pytest.mark.soak
def test_two_macs_are_away(site: AzureSite) -> None:
    """They keep what they have, delay the withdrawal and are named; once they are back, the old root goes."""
    (old,) = trusted(site)
    before = {name: identity(site, name) for name in NAMES}
    site.lab.macs["mac2"].log_out()
    site.lab.macs["mac3"].offline()
    predicted = run(site, "--check", ends_with=UNREACHABLE)
    assert site.azure.writes == [] and set(roots(site).values()) == {old}
    first = run(site, ends_with=UNREACHABLE)
    assert predicted.changed() == first.changed()
    new = roots(site)[2]
    assert trusted(site) == {old, new}
    assert {name: identity(site, name) != before[name] for name in NAMES} == {
        "mac1": True,
        "mac2": False,
        "mac3": False,
    }
    assert identity(site, "mac1") == issued(site)["mac1"]
    assert "generation 1" in said(first) and "mac2 is behind, mac3 is behind." in said(first)
    assert "mac1" not in said(first) and "It stays trusted" in said(first)
    again = run(site, ends_with=UNREACHABLE)
    assert again.changed() == set() and site.azure.writes == []
    assert said(again) == said(first)
    assert has_key(site, 1)

    site.lab.macs["mac2"].log_in("anna")
    site.lab.macs["mac3"].online()
    predicted = run(site, "--check")
    last = run(site)
    assert predicted.changed() == foreseeable(last) != last.changed()
    assert said(last) == ""
    assert trusted(site) == {new}
    assert {name: identity(site, name) for name in NAMES} == issued(site)
    assert not has_key(site, 1) and has_key(site, 2)
    assert site.sql("SELECT state FROM certificates WHERE kind = 'root' ORDER BY generation") == [
        ("retired",),
        ("issued",),
    ]

    for options in ([], ["--check"]):
        assert run(site, *options).changed() == set()
        assert site.azure.writes == []


@pytest.mark.soak
def test_one_at_a_time(site: AzureSite) -> None:
    """renew_batch staggers it in both playbooks: the others go on with the old root, and are named, until all moved."""
    site.variables["user_vpn_renew_batch"] = 1
    (old,) = trusted(site)
    before = {name: identity(site, name) for name in NAMES}
    moved: list[str] = []
    for playbook in (SITE, RENEW, RENEW):
        done = run(site, playbook=playbook)
        moved = [name for name in NAMES if identity(site, name) != before[name]]
        left = [name for name in NAMES if name not in moved]
        assert [f"{name} is old_root" in said(done) for name in NAMES] == [name in left for name in NAMES]
        assert (old in trusted(site)) == bool(left)
        assert len(done.of("client_certificates")["deferred"]) == (len(left) if playbook == SITE else 0)
    assert moved == list(NAMES)
    assert trusted(site) == {roots(site)[2]}
    assert run(site).changed() == set()


@pytest.mark.soak
def test_one_that_is_not_in_the_play_until_it_is_revoked(site: AzureSite) -> None:
    only = ("--limit", "mac1,mac2")
    (old,) = trusted(site)
    first = run(site, *only)
    assert "mac3 is old_root" in said(first)
    assert trusted(site) == {old, roots(site)[2]}
    assert run(site, *only).changed() == set()
    revoked = site.play("-e", "user_vpn_revoke=mac3", playbook="vwan.user_vpn.revoke")
    assert revoked.returncode == 0, revoked.output
    site.azure.forget_requests()
    predicted = site.play("--check", *only)
    last = site.play(*only)
    assert last.returncode == predicted.returncode == 0, last.output
    # with nobody left who needs it, check mode foresees the withdrawal too
    assert predicted.changed() == last.changed()
    assert {task.rpartition(" : ")[2] for _host, task in last.changed()} == set(WITHDRAWAL)
    assert len(site.azure.writes) == 1
    assert trusted(site) == {roots(site)[2]}
    everybody_connects(site, but=("mac3",))


@pytest.mark.soak
def test_by_force_and_only_when_asked_for(site: AzureSite) -> None:
    (old,) = trusted(site)
    site.lab.macs["mac3"].offline()
    site.variables["user_vpn_withdraw_old_roots"] = False
    first = run(site, ends_with=UNREACHABLE)
    assert "mac3 is behind" in said(first)
    forced = ("-e", "user_vpn_withdraw_force=true")
    run(site, *forced, ends_with=UNREACHABLE)  # force alone withdraws nothing
    assert old in trusted(site) and has_key(site, 1)

    site.variables["user_vpn_withdraw_old_roots"] = True
    done = site.play(*forced)
    assert done.returncode == UNREACHABLE, done.output
    assert "mac3 is behind" in said(done) and "They lose the VPN" in said(done)
    assert trusted(site) == {roots(site)[2]} and not has_key(site, 1)
    everybody_connects(site, but=("mac3",))
    again = site.play(*forced)
    assert again.changed() == set(), again.output
    assert said(again) == ""  # nobody is promised what a withdrawn root cannot keep
    # somebody else's configuration, or a killed run: Azure trusts it still, though its key is gone
    site.configuration.properties["vpnClientRootCertificates"].append({"name": "old", "publicCertData": old_root(site)})
    assert {task.rpartition(" : ")[2] for _host, task in site.play(*forced).changed()} == {WITHDRAWAL[0]}
    assert trusted(site) == {roots(site)[2]}


@pytest.mark.soak
def test_check_mode_before_there_is_anything(tmp_path: Path) -> None:
    with azure_site(tmp_path, mac1="15.5") as site:
        site.variables |= {
            "user_vpn_root_generation": 2,
            "user_vpn_withdraw_old_roots": True,
            "user_vpn_revoke_superseded": True,
        }
        predicted = site.play("--check")
        assert predicted.returncode == 0, predicted.output
        assert predicted.changed() == site.play().changed()
        assert site.play().changed() == set()


def old_root(site: AzureSite) -> str:
    pem = site.pem(roots(site)[1])
    return "".join(pem.splitlines()[1:-1])
