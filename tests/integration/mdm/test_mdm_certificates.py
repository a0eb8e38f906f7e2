# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an MDM's inventory lists of the certificates on its Macs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._mdm.servers import TYPES, connected
from ansible_collections.vwan.user_vpn.tests.integration.mdm.fleets import IDENTIFIER, Fleet
from ansible_collections.vwan.user_vpn.tests.lab.mdm import JamfLab
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action

if TYPE_CHECKING:
    from ansible_collections.vwan.user_vpn.tests.lab import Lab
    from ansible_collections.vwan.user_vpn.tests.lab.mdm import Server
    from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import Pki


def test_the_identities_on_a_mac_are_listed(tmp_path: Path, lab: Lab, server: Server, pki: Pki) -> None:
    """By what is in its keychain, which no code of ours has read."""
    fleet = Fleet(tmp_path, lab, server, pki, 2)
    fleet.deliver(fleet.render())
    if isinstance(server, JamfLab):
        server.take_inventory()
    with connected(server.server, server.environment, lambda _line: None, lambda _secret: None) as asked:
        devices = asked.devices([mac.serial for mac in fleet.macs])
        listed = asked.certificates(devices)
    if not TYPES[server.TYPE].CAPABILITIES.lists_certificates:
        assert listed == {}
        return
    serials = {device.id: device.serial_number for device in devices}
    for mac in fleet.macs:
        (found,) = (listed[number] for number in listed if serials[number] == mac.serial)
        (identity,) = (item for item in mac.keychains["system"] if item.key)
        assert [each.sha1 for each in found] == [identity.sha1]
        assert int(found[0].serial, 16) == identity.certificate.serial_number
        assert found[0].common_name == mac.name and f"CN={mac.name}" in found[0].subject
        assert found[0].not_after == identity.certificate.not_valid_after.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("server", ["jamf"], indirect=True)
def test_what_is_listed_is_revoked_by_the_name_of_its_client(
    tmp_path: Path, lab: Lab, server: JamfLab, pki: Pki
) -> None:
    fleet = Fleet(tmp_path, lab, server, pki, 2)
    fleet.deliver(fleet.render())
    macs = [{"host": mac.name, "serial_number": mac.serial} for mac in fleet.macs]
    ask = {"server": server.server, "identifier": IDENTIFIER, "profiles": macs, "certificates": True}
    assert [mac["certificates"] for mac in run_action("mdm_profile_info", ask)["macs"].values()] == [[], []]
    server.take_inventory()
    listed = run_action("mdm_profile_info", ask)["macs"]
    clients = [
        {"name": host, "subject": f"/CN={host}", "enrolled": mac["certificates"]} for host, mac in listed.items()
    ]
    entered = run_action("client_certificates", {"pki": str(tmp_path / "pki.db"), "clients": clients})
    (identity,) = (item for item in fleet.macs[0].keychains["system"] if item.key)
    assert entered["clients"]["mac-01"]["sha1"] == identity.sha1
    gone = {"pki": str(tmp_path / "pki.db"), "clients": ["mac-01"], "state": "revoked"}
    assert [each["thumbprint"] for each in run_action("client_certificates", gone)["to_refuse"]] == [identity.sha1]
