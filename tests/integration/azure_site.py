# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site whose package and trust are those of the lab's Azure."""

from __future__ import annotations

import base64
import plistlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.configurations import GOOD_POLICY
from ansible_collections.vwan.user_vpn.tests.integration.site import Site
from ansible_collections.vwan.user_vpn.tests.lab import Lab
from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab
from ansible_collections.vwan.user_vpn.tests.lab.azure.state import Profile, Resource
from ansible_collections.vwan.user_vpn.tests.lab.keychain import Item

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

    def identity(self, mac: str) -> Item | None:
        """The certificate that lies with its key in the Mac's keychain."""
        found = [item for item in self.lab.macs[mac].keychains["system"] if item.key is not None]
        assert len(found) <= 1, f"{mac} has several identities"
        return found[0] if found else None

    def accepts(self, mac: str, when: datetime) -> bool:
        """Whether the gateway would accept what is on the Mac now, at that time: by `openssl verify` under the roots
        that Azure trusts now, unless Azure refuses the thumbprint."""
        item = self.identity(mac)
        if item is None or item.sha1 in self.refused:
            return False
        roots = self.folder / "trusted.pem"
        pems = [x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM) for der in self.trusted]
        roots.write_bytes(b"".join(pems))
        verify = ["openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", str(roots)]
        verify += ["-attime", str(int(when.timestamp())), "-purpose", "sslclient"]
        done = subprocess.run(verify, input=item.pem, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 2), done.stderr
        return done.returncode == 0

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
            try:
                yield AzureSite(folder / "site", lab, azure, gateway)
            finally:
                assert azure.leaks == []
