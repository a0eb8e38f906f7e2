# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site whose package and trust are those of the lab's Azure."""

from __future__ import annotations

import base64
import plistlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.configurations import GOOD_POLICY
from ansible_collections.vwan.user_vpn.tests.integration.site import Site
from ansible_collections.vwan.user_vpn.tests.lab import Lab
from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab
from ansible_collections.vwan.user_vpn.tests.lab.azure.state import Profile, Resource

GROUP = "rg-vpn"


def profile_of(resource: Resource | None) -> Profile:
    assert resource and resource.profile
    return resource.profile


class AzureSite(Site):
    """A site whose package and trust are Azure's: a Virtual WAN with one hub, and two Macs."""

    def __init__(self, folder: Path, lab: Lab, azure: AzureLab, gateway: Resource) -> None:
        self.azure = azure
        self.gateway = profile_of(gateway)
        self.wan = profile_of(azure.subscription.get("virtualWans", GROUP, "wan1"))
        self.gateway_resource = gateway
        super().__init__(folder, lab, [])
        self.variables |= {
            "user_vpn_resource_group": GROUP,
            "user_vpn_virtual_wan": "wan1",
            "user_vpn_server_configuration": "macs",
        }
        self.secrets |= azure.environment()

    def download(self, **settings: Any) -> None:
        """The playbook does it."""

    @property
    def configuration(self) -> Resource:
        found = self.azure.subscription.get("vpnServerConfigurations", GROUP, "macs")
        assert found
        return found

    @property
    def trusted(self) -> list[bytes]:
        """The roots that Azure trusts, in DER."""
        return [
            base64.b64decode(root["publicCertData"], validate=True)
            for root in self.configuration.properties["vpnClientRootCertificates"]
        ]

    @property
    def refused(self) -> set[str]:
        return {item["thumbprint"] for item in self.configuration.properties["vpnClientRevokedCertificates"]}

    def profile(self, mac: str = "mac1") -> dict[str, Any]:
        return dict(plistlib.loads((self.profiles / f"{mac}.mobileconfig").read_bytes()))


@contextmanager
def azure_site(folder: Path, **macs: str) -> Iterator[AzureSite]:
    """A Virtual WAN `wan1` with one hub, whose gateway uses the configuration `macs`; and lab Macs, by name: macOS.

    At every Mac a person sits who approves at once.
    """
    with AzureLab(folder / "azure") as azure:
        azure.add_virtual_wan("wan1")
        azure.add_hub("hub1", "wan1")
        azure.add_server_configuration("macs", ipsec_policy=dict(GOOD_POLICY))
        gateway = azure.add_p2s_gateway("gw1", "hub1", "macs", dns=["10.20.0.52"])
        (folder / "site").mkdir()
        with Lab(folder / "lab") as lab:
            for name, macos in macs.items():
                lab.add_mac(name, macos=macos, console_user="anna", users=("anna",), approve_after=0.1)
            yield AzureSite(folder / "site", lab, azure, gateway)
        assert azure.leaks == []
