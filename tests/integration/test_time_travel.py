# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Five years in the life of a fleet: at every moment exactly those Macs are accepted that should be.

Whom the gateway accepts is what `openssl verify` says of the certificate on the Mac at that time, under the roots that
the lab's Azure trusts then, unless Azure refuses its thumbprint. The five years end today: so what is left of them is
shown to a real gateway as well, whose clock nobody moves.
"""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.vwan.user_vpn.tests.integration.azure_site import GROUP, AzureSite, azure_site
from ansible_collections.vwan.user_vpn.tests.integration.conftest import SOAK
from ansible_collections.vwan.user_vpn.tests.integration.site import HERE, PASSPHRASE, Run
from ansible_collections.vwan.user_vpn.tests.lab.azure.state import Profile
from ansible_collections.vwan.user_vpn.tests.lab.packages import GatewayRoot, gateway_root
from ansible_collections.vwan.user_vpn.tests.lab.tunnel import authority, requirements
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.gateway import Description
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.lab import TunnelLab

YEARS = timedelta(days=5 * 365)
VALID_DAYS, RENEW_BEFORE_DAYS = 365, 130
MACS = {"mac1": "15.5", "mac2": "14.4", "mac3": "26.1", "mac4": "13.6"}
OLD_ROOT, NEW_ROOT = "Gateway Root CA", "Gateway Root G2"


class Fleet:
    """The Macs of a site, at a day that the test sets; `day` counts from the beginning of the five years."""

    def __init__(self, site: AzureSite) -> None:
        self.site = site
        self.begin = datetime.now(UTC) - YEARS
        self.day = 0
        self.left: set[str] = set()  # names that are no longer in the inventory
        self.away: set[str] = set()
        self.gateway = gateway_root(OLD_ROOT)  # the root of the certificate that the gateway shows
        self.package(self.gateway)
        site.variables |= {
            "user_vpn_renew_before_days": RENEW_BEFORE_DAYS,
            "certificates_client_valid_days": VALID_DAYS,
            "user_vpn_revoke_superseded": True,
        }

    @property
    def now(self) -> datetime:
        return self.begin + timedelta(days=self.day)

    def package(self, *roots: GatewayRoot) -> None:
        """From now on Azure's profile package has these gateway roots."""
        profiles: tuple[Profile, ...] = (self.site.gateway, self.site.wan)
        for profile in profiles:
            profile.roots = [root.certificate for root in roots]

    # -- what is done

    def run(self, playbook: str = "vwan.user_vpn.site", *, fails: bool = False, **variables: Any) -> Run:
        """ansible-playbook at the present day. Macs that are away may make it fail, and nothing else."""
        self.site.azure.set_clock(self.now)
        hosts = ":!".join(["user_vpn", *sorted(self.left)])
        given = json.dumps({"user_vpn_hosts": hosts} | variables)
        clock = {
            "USER_VPN_TEST_NOW": self.now.isoformat(),
            "ANSIBLE_CALLBACK_PLUGINS": f"{HERE / 'callback'}:{HERE / 'clock'}",
            "ANSIBLE_CALLBACKS_ENABLED": "clock,recorder",
        }
        run = self.site.play("-e", given, playbook=playbook, env=clock)
        if not fails:
            assert run.returncode in (0, 2), run.output
            failed = {host for host, count in run.count("failed").items() if count}
            assert failed <= self.away, run.output
            unreachable = {entry["host"] for entry in run.results if entry["outcome"] == "unreachable"}
            assert failed <= unreachable <= self.away, run.output
        return run

    def renew(self) -> Run:
        return self.run("vwan.user_vpn.renew")

    def revoke(self, what: str, reason: str) -> Run:
        return self.run("vwan.user_vpn.revoke", user_vpn_revoke=what, user_vpn_revoke_reason=reason)

    def retire_root(self, generation: int, sha1: str, *, fails: bool = False) -> Run:
        """The old root's key is destroyed, and Azure trusts it no longer."""
        tasks = [
            {
                "vwan.user_vpn.root_certificate": {
                    "pki": str(self.site.pki),
                    "passphrase": PASSPHRASE,
                    "generation": generation,
                    "state": "absent",
                },
            },
            {
                "vwan.user_vpn.server_configuration": {
                    "resource_group": GROUP,
                    "vpn_server_configuration": "macs",
                    "roots": [{"sha1": sha1, "state": "absent"}],
                },
            },
        ]
        play = {"hosts": "user_vpn", "gather_facts": False, "tasks": [task | {"run_once": True} for task in tasks]}
        return self.run(self.site.playbook("retire.yml", [play]), fails=fails)

    def goes_away(self, *names: str) -> None:
        self.away |= set(names)
        for name in names:
            self.site.lab.macs[name].offline()

    def comes_back(self, *names: str) -> None:
        self.away -= set(names)
        for name in names:
            self.site.lab.macs[name].online()

    # -- what came of it, by other tools

    def accepted(self, day: int | None = None) -> set[str]:
        """Whom the gateway accepts now, or on another day if nobody does anything until then."""
        when = self.begin + timedelta(days=self.day if day is None else day)
        return {name for name in self.site.lab.macs if self.site.accepts(name, when)}

    def trusting(self) -> set[str]:
        """The Macs whose profile has the root of the certificate that the gateway shows."""
        sha1 = authority.thumbprint(self.gateway.der)
        return {
            name
            for name, mac in self.site.lab.macs.items()
            if sha1 in {item.sha1 for item in mac.keychains["system"] if item.key is None}
        }

    def history(self, name: str) -> list[tuple[str, str]]:
        """(SHA-1, state) of every certificate of a client, oldest first, as sqlite3 reads them."""
        return self.site.sql("SELECT sha1, state FROM certificates WHERE name = ? ORDER BY id", name)

    def status(self, name: str) -> str:
        report = json.loads((self.site.folder / "user_vpn/report/report.json").read_text())
        return str(report["clients"][name]["status"])


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with azure_site(tmp_path, **MACS) as site:
        yield Fleet(site)
        for mac in site.lab.macs.values():
            assert (mac.refusals, mac.ingestion_errors, mac.faults) == ([], [], [])


@pytest.mark.skipif(SOAK, reason="test_five_years, which runs now, begins with it")
def test_a_first_year(fleet: Fleet) -> None:
    """The beginning of test_five_years, for which make test has time. OpenSSL goes by the real clock: it ends today."""
    fleet.begin = datetime.now(UTC) - timedelta(days=600)
    first_year(fleet)
    assert fleet.day == 600
    real_gateway(fleet)


@pytest.mark.soak
def test_five_years(fleet: Fleet) -> None:
    first_year(fleet)
    second_year(fleet)
    three_more_years(fleet)
    came = real_gateway(fleet)
    assert not came or "revoked" in came["mac1"]


def first_year(fleet: Fleet) -> None:
    site, everybody = fleet.site, set(MACS)
    fleet.run()
    assert fleet.accepted() == fleet.trusting() == everybody

    # mac3 is away when the others are renewed, until long after its certificate has ended.
    fleet.goes_away("mac3")
    fleet.day = 300
    first = {name: item.sha1 for name in MACS if (item := site.identity(name))}
    fleet.renew()
    assert fleet.status("mac3") == "behind"
    assert fleet.accepted() == fleet.accepted(364) == everybody
    assert site.refused == {sha1 for name, sha1 in first.items() if name != "mac3"}
    assert fleet.accepted(366) == everybody - {"mac3"}

    # mac4 is lost, and revoked while nobody can reach it. mac3 comes back, and mac1 goes away.
    fleet.day = 500
    fleet.goes_away("mac4")
    fleet.revoke("mac4", "left in a train")
    fleet.left.add("mac4")
    assert fleet.accepted() == {"mac1", "mac2"}
    fleet.goes_away("mac1")
    fleet.comes_back("mac3")
    fleet.day = 600
    fleet.renew()
    assert fleet.accepted() == {"mac1", "mac2", "mac3"}


def second_year(fleet: Fleet) -> None:
    site, everybody = fleet.site, set(MACS)

    # The root is rotated while mac1 is still away: the old root serves it as long as its certificate lasts.
    fleet.day = 650
    [old_root] = [authority.thumbprint(der) for der in site.trusted]
    site.variables["certificates_root_generation"] = 2
    fleet.run()
    assert len(site.trusted) == 2
    assert fleet.accepted() == fleet.accepted(664) == {"mac1", "mac2", "mac3"}
    assert fleet.accepted(666) == {"mac2", "mac3"}
    early = fleet.retire_root(1, old_root, fails=True)
    assert early.returncode != 0
    assert "mac1" in early.output
    assert len(site.trusted) == 2

    # Once it has moved over, the old root goes. mac4 was found meanwhile, and is let in again under its old name.
    fleet.day = 700
    fleet.left.clear()
    fleet.comes_back("mac1", "mac4")
    barred = fleet.run(fails=True)
    assert "left in a train" in barred.output
    assert fleet.accepted() == everybody - {"mac4"}
    fleet.run(user_vpn_readmit=["mac4"])
    assert fleet.accepted() == everybody
    fleet.day = 720
    fleet.retire_root(1, old_root)
    assert len(site.trusted) == 1
    assert fleet.accepted() == everybody
    assert [authority.thumbprint(der) for der in site.trusted] != [old_root]


def three_more_years(fleet: Fleet) -> None:
    site, everybody = fleet.site, set(MACS)

    # The third year.
    fleet.day = 950
    fleet.renew()
    assert fleet.accepted() == everybody

    # The gateway's root: first both are in the package, then the gateway shows the new one, then the old one goes.
    # mac1 is away and misses the first; it cannot connect then: it does not know the gateway, which would accept it.
    fleet.goes_away("mac1")
    fleet.day = 1000
    new = gateway_root(NEW_ROOT)
    fleet.package(fleet.gateway, new)
    fleet.run()
    assert fleet.trusting() == everybody  # who knows both roots, and who knows the old one only
    fleet.gateway = new
    assert fleet.trusting() == everybody - {"mac1"}
    assert fleet.accepted() == everybody
    fleet.comes_back("mac1")
    fleet.day = 1250
    fleet.package(new)
    fleet.renew()
    assert fleet.trusting() == fleet.accepted() == everybody

    # The fourth: somebody leaves, and is revoked by thumbprint.
    fleet.day = 1400
    gone = site.identity("mac2")
    assert gone
    fleet.revoke(gone.sha1, "has left the company")
    fleet.left.add("mac2")
    assert site.identity("mac2") is None
    assert gone.sha1 in site.refused
    assert fleet.accepted() == everybody - {"mac2"}

    # The fifth. mac1 is stolen, and mac3 is away again at the end.
    fleet.day = 1550
    fleet.renew()
    assert fleet.accepted() == fleet.accepted(1825) == everybody - {"mac2"}
    fleet.goes_away("mac1", "mac3")
    fleet.day = 1800
    fleet.revoke("mac1", "stolen")
    fleet.left.add("mac1")
    fleet.day = 1825
    fleet.renew()
    assert fleet.status("mac3") == "behind"
    assert fleet.trusting() == {"mac1", "mac3", "mac4"}
    assert fleet.accepted() == {"mac3", "mac4"}
    assert [len(fleet.history(name)) for name in MACS] == [7, 6, 8, 7]


def real_gateway(fleet: Fleet) -> dict[str, str]:
    """A real strongSwan with what Azure has now, and a real client with what is on each Mac; what came of each.

    What the root that is left has not signed is refused without a list, and strongSwan has none for the old root, which
    has the same name. Where no tunnel can be made, test_tunnel_requirements.py says why.
    """
    if requirements.missing():
        return {}
    site = fleet.site
    [root] = [x509.load_der_x509_certificate(der) for der in site.trusted]
    known = dict[str, bytes]()
    for sha1, pem in site.sql("SELECT sha1, pem FROM certificates WHERE kind = 'client'"):
        certificate = x509.load_pem_x509_certificate(pem)
        with contextlib.suppress(InvalidSignature):
            certificate.verify_directly_issued_by(root)
            known[sha1] = certificate.public_bytes(Encoding.DER)
    with TunnelLab() as tunnels:
        gateway = tunnels.gateway(
            Description(
                server_name=site.wan.vpn_server,
                gateway_issuer=authority.Identity(fleet.gateway.certificate, fleet.gateway.key),
                client_roots=tuple(site.trusted),
                revoked=tuple(site.refused & set(known)),
                known_clients=tuple(known.values()),
                ipsec_policy=site.configuration.properties["vpnClientIpsecPolicies"][0],
            )
        )
        client = tunnels.mac("a Mac")
        came: dict[str, str] = {}
        for name, mac in site.lab.macs.items():
            for profile in mac.profiles:
                mark = gateway.log_size()
                client.install(profile.raw)
                came[name] = "connected" if client.connect().interface else str(gateway.refusal_since(mark))
                client.remove()
    assert {name for name, what in came.items() if what == "connected"} == fleet.accepted(), came
    assert set(came) == fleet.trusting()
    return came


# -- what nobody thought of


@dataclass
class Model:
    """What should come of it, by a few rules: until which day a Mac is accepted, and what waits for it."""

    holds: dict[str, int] = field(default_factory=dict)  # the day on which the certificate on the Mac ends
    waits: dict[str, int] = field(default_factory=dict)  # the day on which the one on the controller ends

    def run(self, fleet: Fleet, *, rotated: bool = False) -> None:
        for name in set(MACS) - fleet.left:
            due = self.waits.get(name, 0) - fleet.day <= RENEW_BEFORE_DAYS
            if due or rotated:
                self.waits[name] = fleet.day + VALID_DAYS
            if name not in fleet.away:
                self.holds[name] = self.waits[name]

    def revoke(self, name: str) -> None:
        self.holds.pop(name, None)
        self.waits.pop(name, None)

    def accepted(self, day: int) -> set[str]:
        return {name for name, end in self.holds.items() if day < end}


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
def test_five_random_years(fleet: Fleet, seed: int) -> None:
    """Whatever happens in whatever order. No root is withdrawn, so that a Mac that is away keeps what it has."""
    chance, model, site = random.Random(seed), Model(), fleet.site
    generation = 1
    fleet.run()
    model.run(fleet)
    while fleet.day < YEARS.days:
        assert fleet.accepted() == model.accepted(fleet.day), f"seed {seed}, day {fleet.day}"
        fleet.day += 10 * chance.randint(1, 12)  # so that nothing falls due, or ends, within the minute of a run
        assert fleet.accepted() == model.accepted(fleet.day), f"seed {seed}, day {fleet.day}"
        for name in MACS:
            if chance.random() < 0.25:
                (fleet.comes_back if name in fleet.away else fleet.goes_away)(name)
        event = chance.choice(["renew", "renew", "renew", "site", "rotate", "revoke", "return"])
        print(f"seed {seed}, day {fleet.day}: {event}, away {sorted(fleet.away)}, left {sorted(fleet.left)}")
        if event == "revoke":
            name = chance.choice(sorted(MACS))
            if name in model.waits and len(fleet.left) < len(MACS) - 2:
                fleet.revoke(name, "at random")
                fleet.left.add(name)
                model.revoke(name)
            continue
        back = sorted(fleet.left) if event == "return" else []
        fleet.left -= set(back)
        if event == "rotate":
            generation += 1
            site.variables["certificates_root_generation"] = generation
        if event == "renew":
            fleet.renew()
        else:
            fleet.run(user_vpn_readmit=back)
        model.run(fleet, rotated=event == "rotate")
