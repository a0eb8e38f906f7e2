# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site with Azure and Macs over a store of either database, at any time of day."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ansible_collections.vwan.user_vpn.tests.integration.azure_site import AzureSite
from ansible_collections.vwan.user_vpn.tests.integration.pki.stores import AnyStore
from ansible_collections.vwan.user_vpn.tests.integration.site import HERE, PASSPHRASE, Run

PLAY = {"hosts": "localhost", "gather_facts": False}


class Fleet:
    """`ahead` is by how much this controller's clock is ahead of the real one, which is Azure's by default."""

    def __init__(self, site: AzureSite, store: AnyStore) -> None:
        self.site, self.store = site, store
        self.ahead = timedelta()
        site.variables |= {"user_vpn_pki": store.option, "user_vpn_revoke_superseded": True}
        site.secrets |= store.environment

    def play(self, playbook: str = "vwan.user_vpn.site", **variables: Any) -> Run:
        env = {}
        if self.ahead:
            env = {
                "USER_VPN_TEST_NOW": (datetime.now(UTC) + self.ahead).isoformat(),
                "ANSIBLE_CALLBACK_PLUGINS": f"{HERE / 'callback'}:{HERE / 'clock'}",
                "ANSIBLE_CALLBACKS_ENABLED": "clock,recorder",
            }
        return self.site.play("-e", json.dumps(variables), playbook=playbook, env=env)

    def run(self, playbook: str = "vwan.user_vpn.site", **variables: Any) -> Run:
        """One that has to end well."""
        run = self.play(playbook, **variables)
        assert run.returncode == 0, run.output
        return run

    def revoke(self, name: str, reason: str) -> Run:
        return self.run("vwan.user_vpn.revoke", user_vpn_revoke=name, user_vpn_revoke_reason=reason)

    def ledger(self, state: str, **options: Any) -> Run:
        task = {"vwan.user_vpn.ledger": {"pki": self.store.option, "state": state, **options}}
        return self.run(self.site.playbook(f"{state}.yml", [PLAY | {"tasks": [task]}]))

    def backup(self, dest: Path) -> Path:
        self.ledger("backup", dest=str(dest))
        if dest.suffix == ".db":
            task = {"vwan.user_vpn.ledger": {"pki": str(dest), "state": "checked", "passphrase": PASSPHRASE}}
            self.run(self.site.playbook("checked.yml", [PLAY | {"tasks": [task]}]))
        return dest

    # -- what came of it, by other tools

    def accepted(self) -> set[str]:
        """Whom the gateway would accept now."""
        return {name for name in self.site.lab.macs if self.site.accepts(name, datetime.now(UTC))}

    def on_mac(self, name: str) -> str:
        item = self.site.identity(name)
        return item.sha1 if item else ""

    def known(self) -> set[str]:
        """SHA-1 of every client certificate in the store."""
        return {sha1 for (sha1,) in self.store.rows("SELECT sha1 FROM certificates WHERE kind = 'client'")}

    def states(self, name: str) -> list[str]:
        return [s for (s,) in self.store.rows(f"SELECT state FROM certificates WHERE name = '{name}' ORDER BY id")]


def failed(run: Run) -> set[str]:
    return {host for host, count in run.count("failed").items() if count}


def said(run: Run) -> str:
    return " ".join(run.output.split())


def reasons(run: Run) -> dict[str, str]:
    """Why each client got a new identity; empty when it did not. Of the last time that the run looked."""
    found = [e["result"]["clients"] for e in run.results if "Make the client certificate" in e["task"]]
    return {name: entry["reason"] for name, entry in found[-1].items()}
