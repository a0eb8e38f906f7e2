# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of the lab's Macs that is enrolled in an MDM, and profiles for it."""

from __future__ import annotations

import plistlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.vwan.user_vpn.tests.lab import Lab
from ansible_collections.vwan.user_vpn.tests.lab.mdm import FleetLab, IntuneLab, JamfLab, NanoMdmLab, Server
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action
from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import PASSWORD, Pki, root_entry

if TYPE_CHECKING:
    from ansible_collections.vwan.user_vpn.tests.lab.mac import Mac

IDENTIFIER = "com.example.user-vpn"
SERVERS: dict[str, type[Server]] = {"fleet": FleetLab, "intune": IntuneLab, "jamf": JamfLab, "nanomdm": NanoMdmLab}


class Fleet:
    """Macs of the lab, their identities, and the server that they are enrolled in."""

    def __init__(self, folder: Path, lab: Lab, server: Server, pki: Pki, size: int) -> None:
        self.folder, self.lab, self.server, self.pki = folder, lab, server, pki
        self.macs = [lab.add_mac(f"mac-{number:02d}") for number in range(1, size + 1)]
        for mac in self.macs:
            server.enrol(mac)
            self.renew(mac)
        self.settings: dict[str, Any] = {
            "vpn_server": "gateway.example.com",
            "gateway_roots": [root_entry(pki.gateway_root)],
        }
        self.said: list[str] = []

    def renew(self, mac: Mac) -> None:
        """Another certificate for this Mac."""
        content = self.pki.pkcs12(self.pki.client(mac.name))
        (self.folder / f"{mac.name}.p12").write_bytes(content)

    def render(self, **options: Any) -> dict[str, Any]:
        identity = {"password": PASSWORD}
        macs = [
            {"host": mac.name, "identity": identity | {"pkcs12_path": str(self.folder / f"{mac.name}.p12")}}
            for mac in self.macs
        ]
        wish = {"settings": self.settings, "dest": str(self.folder / "profiles"), "macs": macs, "delivery": "mdm"}
        named = {"identifier": IDENTIFIER, "connection_name": "Contoso VPN"}
        rendered = run_action("mobileconfig", wish | named | options)
        assert not rendered["failed"], rendered
        return dict(rendered["macs"])

    def wishes(self, rendered: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {"host": mac.name, "serial_number": mac.serial, "udid": mac.hardware_uuid, "profile": rendered[mac.name]}
            for mac in self.macs
            if mac.name in rendered
        ]

    def deliver(self, rendered: dict[str, Any], **how: Any) -> dict[str, Any]:
        arguments = {"server": self.server.server, "profiles": self.wishes(rendered)} | how.pop("options", {})
        return run_action("mdm_profile", arguments, said=self.said, **how)

    def remove(self, *macs: Mac, **how: Any) -> dict[str, Any]:
        gone = [{"host": mac.name, "serial_number": mac.serial, "udid": mac.hardware_uuid} for mac in macs]
        arguments = {"server": self.server.server, "state": "absent", "identifier": IDENTIFIER, "profiles": gone}
        return run_action("mdm_profile", arguments | how.pop("options", {}), said=self.said, **how)

    def has(self, mac: Mac, rendered: dict[str, Any]) -> bool:
        """Whether the Mac has this profile, and no other, by what is in it and in its keychain."""
        installed = mac.installed_profiles()
        if len(installed) != 1:
            return False
        wanted = plistlib.loads(Path(rendered[mac.name]["path"]).read_bytes())
        names = {each["PayloadType"] for each in wanted["PayloadContent"]}
        there = installed[0]["content"]["PayloadContent"]
        identities = {item["sha1"] for item in mac.keychain("system") if item["has_key"]}
        (vpn,) = (each for each in there if each["PayloadType"] == "com.apple.vpn.managed")
        (ours,) = (each for each in wanted["PayloadContent"] if each["PayloadType"] == "com.apple.vpn.managed")
        return (
            {each["PayloadType"] for each in there} == names
            and vpn["IKEv2"]["RemoteAddress"] == ours["IKEv2"]["RemoteAddress"]
            and identities == {rendered[mac.name]["certificate_sha1"]}
        )

    def states(self, result: dict[str, Any]) -> dict[str, str]:
        return {host: entry["state"] for host, entry in result["macs"].items()}
