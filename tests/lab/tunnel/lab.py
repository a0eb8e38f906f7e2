# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole tunnel lab: one gateway and any number of Macs, each in its own namespace, all removed at the end.

    with TunnelLab() as lab:
        gateway = lab.gateway(Description(server_name="wan.example.vpn.azure.com", ...))
        mac = lab.mac("mac1")
        mac.install(profile_bytes)
        attempt = mac.connect()

The gateway answers at 198.51.100.1, Macs have 192.0.2.x on `en0` (RFC 5737); no Mac has another way to the networks
behind the gateway than the tunnel.
"""

from __future__ import annotations

import atexit
from pathlib import Path
from types import TracebackType

from ansible_collections.vwan.user_vpn.tests.lab.tunnel.charon import Daemon
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.errors import TunnelLabError
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.gateway import Description, Gateway
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.namespaces import Namespace, Network
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.native_client import NativeClient

GATEWAY_ADDRESS = "198.51.100.1"


class TunnelLab:
    """Call `close()`, or use it as a context manager; the end of the interpreter closes it as well."""

    def __init__(self) -> None:
        self._network = Network()
        self._daemons: list[Daemon] = []
        self._gateway_namespace: Namespace | None = None
        self._gateway: Gateway | None = None
        self._macs: dict[str, tuple[NativeClient, Daemon]] = {}
        self._names: tuple[str, ...] = ()
        self._number = 0
        atexit.register(self.close)

    def __enter__(self) -> TunnelLab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def name(self) -> str:
        """The run's name, which all its namespaces and its folder start with."""
        return self._network.name

    @property
    def folder(self) -> Path:
        return self._network.folder

    def gateway(self, description: Description) -> Gateway:
        """Start the gateway; `Gateway.change` changes it afterwards."""
        if self._gateway is not None:
            raise TunnelLabError("the lab has one gateway; change it with Gateway.change()")
        self._gateway_namespace = self._network.add("gateway")
        daemon = self._daemon(self._gateway_namespace, "gateway", records_certificates=True)
        self._gateway = Gateway(daemon, GATEWAY_ADDRESS, description, self._publish)
        return self._gateway

    def mac(self, name: str, *, minute: float = 60, sends_intermediates: bool = True) -> NativeClient:
        """Start one more Mac, wired to the gateway's network. Any name that is not in use."""
        if self._gateway_namespace is None or name in self._macs:
            raise TunnelLabError("start the gateway before the Macs" if self._gateway is None else f"{name} is there")
        self._number += 1
        if self._number > 254:
            raise TunnelLabError("the lab has addresses for 254 Macs")
        label, address = f"mac{self._number}", f"192.0.2.{self._number}"
        namespace = self._network.add(label)
        self._network.wire(namespace, "en0", self._gateway_namespace, label)
        namespace.run("ip", "address", "add", f"{address}/32", "dev", "en0")
        namespace.run("ip", "route", "add", GATEWAY_ADDRESS, "dev", "en0")
        self._gateway_namespace.run("ip", "route", "add", address, "dev", label, "src", GATEWAY_ADDRESS)
        daemon = self._daemon(namespace, label)
        self._macs[name] = NativeClient(daemon, minute=minute, sends_intermediates=sends_intermediates), daemon
        self._publish(self._names)
        return self._macs[name][0]

    def remove_mac(self, name: str) -> None:
        """Disconnect a Mac and take it away."""
        client, daemon = self._macs.pop(name)
        client.disconnect()
        self._daemons.remove(daemon)
        daemon.close()
        self._network.remove(daemon.namespace)

    def close(self) -> None:
        atexit.unregister(self.close)
        try:
            while self._daemons:
                self._daemons.pop().close()
        finally:
            self._network.close()

    def _daemon(self, namespace: Namespace, label: str, *, records_certificates: bool = False) -> Daemon:
        daemon = Daemon(namespace, self._network.folder / label, records_certificates=records_certificates)
        self._daemons.append(daemon)
        return daemon

    def _publish(self, names: tuple[str, ...]) -> None:
        """The gateway's names resolve on every Mac, as Azure's DNS would see to."""
        self._names = names
        for mac, _unused in self._macs.values():
            mac.set_hosts(dict.fromkeys(names, GATEWAY_ADDRESS))
