# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab Mac's native IKEv2 client: a real strongSwan initiator that knows nothing but the installed profile."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from ansible_collections.vwan.user_vpn.tests.lab.tunnel import causes, on_demand
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.causes import Disconnect
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.charon import TUNNEL_INTERFACE, Daemon
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.errors import TunnelLabError
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.profile import (
    Enrol,
    NativeProfile,
    SecurityAssociation,
    identity_of,
    read_profile,
)

_CONNECTION = "native"
_CHILD = "tunnel"

# macOS seems to renew keys after 80 % of their life: tunnels dropped after 8 minutes (libreswan/libreswan#222), after
# 24 and 48 (feedback-assistant/reports#448), which is 80 % of 10, 30 and 60.
_REKEY_AT = 0.8


@dataclass(frozen=True)
class Interface:
    """The tunnel's interface as the Mac's `ifconfig`, `scutil --dns` and `netstat -rn` speak of it."""

    name: str
    address: str
    mtu: int
    dns_servers: tuple[str, ...]
    search_domains: tuple[str, ...]
    match_domains: tuple[str, ...]
    routes: tuple[str, ...]
    server_address: str


@dataclass(frozen=True)
class Attempt:
    """How a connect ended: with an interface, or with a failure as macOS would code it."""

    interface: Interface | None
    failure: Disconnect | None = None

    @property
    def connected(self) -> bool:
        return self.interface is not None


class NativeClient:
    """The client of one Mac; made by `lab.TunnelLab`.

    minute: how many seconds a minute of the profile's life times lasts (60; less in tests of rekeying).
    sends_intermediates: whether the Mac sends the intermediate of its own certificate; what macOS does is not known.
    """

    def __init__(self, daemon: Daemon, *, minute: float = 60, sends_intermediates: bool = True) -> None:
        self._daemon = daemon
        self.minute = minute
        self.sends_intermediates = sends_intermediates
        self.profile: NativeProfile | None = None
        self.last_disconnect: Disconnect | None = None
        self._mark = 0

    def install(self, data: bytes, enrol: Enrol | None = None) -> NativeProfile:
        """Take a profile as System Settings does after approval; raises ProfileError for one that macOS refuses.

        `enrol` gets a certificate from a SCEP server.

        A live tunnel keeps the parameters it was made with; the next connect uses the new profile.
        """
        self.profile = read_profile(data, enrol)
        return self.profile

    def remove(self) -> None:
        """Remove the profile, and with it the tunnel."""
        self.disconnect()
        self.profile = None
        with self._daemon.vici() as session:
            session.clear_creds()

    def connect(self, timeout: float = 15) -> Attempt:
        """Bring the tunnel up as the profile says; `timeout` in seconds."""
        interface = self.interface()
        if interface:
            return Attempt(interface)
        if self.profile is None:
            raise TunnelLabError("this Mac has no VPN profile")
        self._mark = self._daemon.log_size()
        self.last_disconnect = None
        self._load(self.profile)
        complete = self._initiate(timeout)
        interface = self.interface() if complete else None
        if interface:
            self._daemon.namespace.run("ip", "link", "set", TUNNEL_INTERFACE, "mtu", str(self.profile.mtu))
            return Attempt(interface)
        self._terminate()
        self.last_disconnect = causes.disconnect(self._daemon.log_since(self._mark)) or causes.NOT_RESPONDING
        return Attempt(None, self.last_disconnect)

    def disconnect(self) -> None:
        """The user's clean stop: no error remains."""
        self._terminate()
        self.last_disconnect = None
        self._mark = self._daemon.log_size()

    def status(self) -> str:
        """Invalid, Disconnected, Connecting, Connected: the words of NEVPNStatus."""
        if self.profile is None:
            return "Invalid"
        association = self._association()
        if association is None:
            return "Disconnected"
        if _installed(association):
            return "Connected"
        return "Connecting" if association["state"] == b"CONNECTING" else "Disconnected"

    def why_down(self) -> Disconnect | None:
        """After a drop: the reason, as macOS would code it; None while connected or after a clean stop."""
        if self.status() == "Connected":
            return None
        return self.last_disconnect or causes.disconnect(self._daemon.log_since(self._mark))

    def interface(self) -> Interface | None:
        """The tunnel's interface; None while there is no tunnel."""
        association = self._association()
        children = _installed(association)
        if association is None or not children or self.profile is None:
            return None
        dns = self.profile.dns
        return Interface(
            name=TUNNEL_INTERFACE,
            address=association["local-vips"][0].decode(),
            mtu=self.profile.mtu,
            dns_servers=tuple(dns.get("ServerAddresses") or self._daemon.pushed_dns()),
            search_domains=tuple(dns.get("SearchDomains", ())),
            match_domains=tuple(dns.get("SupplementalMatchDomains", ())),
            routes=tuple(route.decode() for route in children[0]["remote-ts"]),
            server_address=association["remote-host"].decode(),
        )

    def ping(self, address: str, *, timeout: float = 2) -> bool:
        return self._daemon.namespace.ping(address, timeout=timeout)

    def ping_for(self, address: str, seconds: float) -> tuple[int, int]:
        """Echo requests sent and answered in so many seconds."""
        return self._daemon.namespace.ping_for(address, seconds)

    def network_changed(self, state: on_demand.NetworkState) -> Attempt | None:
        """On Demand meets a network: connects or disconnects as the first matching rule says."""
        decision = on_demand.action(self._rules(), state)
        if decision == "Disconnect":
            self.disconnect()
        return self.connect() if decision == "Connect" else None

    def traffic_to(self, host: str, state: on_demand.NetworkState) -> Attempt | None:
        """Something on the Mac wants to reach a host: On Demand connects first when a rule asks for it."""
        return self.connect() if on_demand.connects_for(self._rules(), state, host) else None

    def set_hosts(self, names: Mapping[str, str]) -> None:
        self._daemon.set_hosts(names)

    def log_since(self, mark: int = 0) -> list[str]:
        return self._daemon.log_since(mark)

    def log_size(self) -> int:
        return self._daemon.log_size()

    def swanctl(self, *arguments: str) -> str:
        return self._daemon.swanctl(*arguments)

    def _rules(self) -> tuple[Mapping[str, Any], ...]:
        return self.profile.on_demand_rules if self.profile and self.profile.on_demand else ()

    def _load(self, profile: NativeProfile) -> None:
        """Give charon the profile, the whole profile and nothing but the profile."""
        self._daemon.change_settings(
            follow_redirects="yes" if profile.redirect else "no",
            tls_minimum=profile.tls_minimum,
            tls_maximum=profile.tls_maximum,
        )
        with self._daemon.vici() as session:
            session.clear_creds()
            for der in profile.anchors:
                session.load_cert({"type": "X509", "flag": "CA", "data": der})
            for der in self._intermediates(profile):
                session.load_cert({"type": "X509", "flag": "NONE", "data": der})
            session.load_key({"type": "rsa", "data": profile.client.key_der})
            session.load_conn({_CONNECTION: self._connection(profile)})

    def _intermediates(self, profile: NativeProfile) -> list[bytes]:
        """charon sends what it has of the client's own chain, so what is not to be sent is kept from it."""
        issuer = profile.client.certificate.issuer
        return [
            der
            for der in profile.intermediates
            if self.sends_intermediates or x509.load_der_x509_certificate(der).subject != issuer
        ]

    def _connection(self, profile: NativeProfile) -> dict[str, Any]:
        ike = self._lifetime(profile.ike)
        child = self._lifetime(profile.child or profile.ike)
        return {
            "version": "2",
            "remote_addrs": [profile.remote_address],
            "vips": ["0.0.0.0"],
            "proposals": profile.ike_proposals,
            "mobike": "yes" if profile.mobike else "no",
            "send_certreq": "yes" if profile.request_certificate else "no",
            "send_cert": "always",
            "dpd_delay": f"{round(profile.dpd_minutes * self.minute)}s",
            "rekey_time": f"{round(ike * _REKEY_AT)}s",
            "over_time": f"{math.ceil(ike * (1 - _REKEY_AT))}s",
            "rand_time": "0s",
            "local-1": self._local(profile),
            # Sent as IDr, and must be a name in the server's certificate. (With ServerCertificateCommonName macOS sends
            # RemoteIdentifier and compares the other name; strongSwan has one value for both.)
            "remote-1": {"auth": "pubkey", "id": identity_of(profile.server_name)},
            "children": {
                _CHILD: {
                    "mode": "tunnel",
                    "remote_ts": ["0.0.0.0/0"],  # the gateway narrows it to its routes
                    "esp_proposals": profile.child_proposals,
                    "rekey_time": f"{round(child * _REKEY_AT)}s",
                    "life_time": f"{math.ceil(child)}s",
                    "rand_time": "0s",
                    "dpd_action": "clear",
                }
            },
        }

    def _lifetime(self, association: SecurityAssociation | None) -> float:
        """In seconds; without a value Apple's default."""
        return (association or SecurityAssociation()).minutes * self.minute

    @staticmethod
    def _local(profile: NativeProfile) -> dict[str, Any]:
        local = {"auth": "eap-tls" if profile.eap else "pubkey", "certs": [profile.client.der]}
        if profile.local_identifier:  # empty: the client's address is sent
            local["id"] = identity_of(profile.local_identifier)
        return local

    def _initiate(self, timeout: float) -> bool:
        import vici

        wanted = {"ike": _CONNECTION, "child": _CHILD, "timeout": str(round(timeout * 1000))}
        with self._daemon.vici() as session:
            try:
                for _unused in session.initiate(wanted):
                    pass
            except vici.exception.CommandException:
                return False
        return True

    def _terminate(self) -> None:
        import vici

        with self._daemon.vici() as session:
            try:
                for _unused in session.terminate({"ike": _CONNECTION, "force": "yes", "timeout": "2000"}):
                    pass
            except vici.exception.CommandException:
                return  # there was none

    def _association(self) -> Mapping[str, Any] | None:
        """The IKE_SA that has the tunnel; during a rekeying there are two for a moment."""
        with self._daemon.vici() as session:
            found: list[Mapping[str, Any]] = [entry[_CONNECTION] for entry in session.list_sas({"ike": _CONNECTION})]
        return max(found, key=lambda association: len(_installed(association)), default=None)


def _installed(association: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    children = (association or {}).get("child-sas", {}).values()
    return [child for child in children if child["state"] in (b"INSTALLED", b"REKEYING", b"REKEYED")]
