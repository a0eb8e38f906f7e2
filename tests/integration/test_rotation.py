# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client root is rotated through the playbooks: no Mac is ever locked out, and the old root goes when nobody needs it."""

from __future__ import annotations

import sqlite3
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


def run(site: AzureSite, *options: str, playbook: str = SITE, **variables: Any) -> Any:
    """A run after which every Mac can connect, whatever it has done; and with at most one write in each of its tasks."""
    site.variables |= variables
    site.azure.forget_requests()
    done = site.play(*options, playbook=playbook)
    assert done.returncode == 0, done.output
    writers = [entry for entry in done.results if entry["action"].endswith("server_configuration_certificates")]
    assert len(site.azure.writes) <= len([entry for entry in writers if entry["result"].get("changed")])
    everybody_connects(site)
    return done


def read(site: AzureSite, query: str) -> list[Any]:
    """The ledger, as sqlite3 reads it."""
    with sqlite3.connect(f"file:{site.pki / 'ledger.sqlite3'}?mode=ro", uri=True) as database:
        return database.execute(query).fetchall()


def issued(site: AzureSite) -> dict[str, str]:
    return dict(read(site, "SELECT name, sha1 FROM certificates WHERE kind = 'client' AND state = 'issued'"))


def roots(site: AzureSite) -> dict[int, str]:
    return dict(read(site, "SELECT generation, sha1 FROM certificates WHERE kind = 'root'"))


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
    """What Azure would ask of the identity that is on each Mac: a root that it trusts, as openssl verifies it; not refused."""
    bundle = site.folder / "trusted.pem"
    bundle.write_bytes(b"".join(openssl("x509", "-inform", "DER", stdin=root) for root in site.trusted))
    for name in set(NAMES) - set(but):
        sha1 = identity(site, name)
        certificate = site.pki / "clients" / name / f"{sha1}.pem"
        verified = openssl("verify", "-purpose", "sslclient", "-CAfile", str(bundle), str(certificate)).decode()
        assert verified.strip().endswith("OK")
        assert sha1 not in site.refused


def said(run: Any) -> str:
    """What the run says of roots that are still needed."""
    task = "Say who still needs an old root"
    found = [entry["result"] for entry in run.results if entry["task"].endswith(task)]
    return " ".join(str(item.get("msg", "")) for result in found for item in result.get("results", [result]))


def test_probe(site: AzureSite) -> None:
    import sys
    p = run(site, "--check")
    print(p.output)
    r = run(site)
    print(r.output)
    print(site.lab.macs["mac1"].keychain("system"), said(r))
    sys.stdout.flush()
    assert 0
