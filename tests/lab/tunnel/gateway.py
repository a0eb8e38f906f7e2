# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's gateway: a strongSwan responder that is configured as an Azure P2S gateway is, in Azure's terms."""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509

from ansible_collections.vwan.user_vpn.tests.lab.tunnel import algorithms, authority, causes, revocation
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.authority import Identity
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.charon import Daemon
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.errors import TunnelLabError

_METHODS = {"certificate": "pubkey", "eap_tls": "eap-tls"}
_POOL = "azure"


@dataclass(frozen=True)
class UserGroup:
    """A user group and the pool that the gateway's connection configurations give it.

    MicrosoftDocs/azure-docs, virtual-wan/user-groups-about and includes/virtual-wan-user-groups: a member of the kind
    AzureCertificateID is the domain of the certificate's common name, user@domain or DOMAIN\\user; of the groups that
    fit the one with the lowest priority number counts; who fits none belongs to the default group.
    """

    name: str
    address_pool: str
    priority: int = 0
    domains: tuple[str, ...] = ()
    default: bool = False


@dataclass(frozen=True)
class Description:
    """A P2S gateway as Azure describes it.

    ipsec_policy: one entry of vpnClientIpsecPolicies, all eight fields; default: the documented default of Virtual WAN.
    client_roots: the uploaded client roots, DER. revoked: SHA-1 thumbprints of client certificates.
    known_clients: client certificates (DER) the lab knows of, so that a thumbprint can be refused (see revocation.py).
    server_name: what the gateway's certificate is made for; other_names: further names that lead to its address.
    gateway_issuer: who signs the gateway's certificate: an intermediate (sent along in the handshake), or a root.
    methods: plain IKE certificate authentication and EAP-TLS; which of them Azure takes is documented nowhere.
    ike_lifetime_seconds: Azure's main mode life time; documented for site-to-site only.
    user_groups: with them, `address_pool` is nobody's.
    whole_domain: whether a member is compared with the whole domain (the API's example), or with its first part (the
    article's); which of the two Azure does is documented in both ways.
    """

    server_name: str
    gateway_issuer: Identity
    client_roots: tuple[bytes, ...]
    revoked: tuple[str, ...] = ()
    known_clients: tuple[bytes, ...] = ()
    ipsec_policy: Mapping[str, Any] = field(default_factory=lambda: algorithms.VIRTUAL_WAN_DEFAULT)
    address_pool: str = "172.16.200.0/24"
    routes: tuple[str, ...] = ("10.20.0.0/16",)
    dns_servers: tuple[str, ...] = ("10.20.0.4",)
    other_names: tuple[str, ...] = ()
    methods: tuple[str, ...] = ("certificate", "eap_tls")
    ike_lifetime_seconds: int = 28800
    user_groups: tuple[UserGroup, ...] = ()
    whole_domain: bool = True

    @property
    def pools(self) -> dict[str, str]:
        """The address pools by their names here."""
        return {group.name: group.address_pool for group in self.user_groups} or {_POOL: self.address_pool}

    @property
    def pool_of_others(self) -> str:
        """Of whoever belongs to no other group."""
        return next((group.name for group in self.user_groups if group.default), _POOL)

    def pool_of(self, client: bytes) -> str:
        """Of the owner of this certificate."""
        common_name = authority.common_name(x509.load_der_x509_certificate(client).subject)
        domain = common_name.rpartition("@")[2] if "@" in common_name else common_name.partition("\\")[0]
        if domain == common_name:
            return self.pool_of_others
        if not self.whole_domain:
            domain = domain.partition(".")[0]
        fitting = [group for group in self.user_groups if domain.lower() in map(str.lower, group.domains)]
        return min(fitting, key=lambda group: group.priority).name if fitting else self.pool_of_others


@dataclass(frozen=True)
class ConnectedClient:
    """A connected client as strongSwan sees it; what Azure's connection health is made of."""

    identity: str
    virtual_ip: str
    public_ip: str
    connected_seconds: int
    bytes_in: int
    bytes_out: int
    certificate_sha1: str | None  # None: not seen (first asked after a rekeying)
    unique_id: str


class Gateway:
    """A running gateway; made by `lab.TunnelLab`. All methods may be called while clients are connected."""

    def __init__(
        self, daemon: Daemon, address: str, description: Description, publish: Callable[[tuple[str, ...]], None]
    ) -> None:
        """`publish` makes the gateway's names resolve on the Macs."""
        self._daemon = daemon
        self._publish = publish
        self.address = address
        self._revocations = revocation.RevocationList()
        self._server: Identity | None = None
        self._pools: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._connections: set[str] = set()
        self._thumbprints: dict[tuple[str, str], str] = {}
        self.description = description
        self._load()

    @property
    def root(self) -> bytes:
        """The gateway root (DER), as a profile package carries it."""
        return self.description.gateway_issuer.root.der

    @property
    def names(self) -> tuple[str, ...]:
        return (self.description.server_name, *self.description.other_names)

    @property
    def inside_addresses(self) -> tuple[str, ...]:
        """Addresses behind the gateway that answer a ping: its DNS servers and the first host of each route."""
        networks = [ipaddress.ip_network(route) for route in self.description.routes]
        firsts = [str(network[1]) for network in networks if 0 < network.prefixlen < 31]
        return tuple(dict.fromkeys([*firsts, *self.description.dns_servers]))

    def change(self, **fields: Any) -> None:
        """Change fields of the description. As at Azure, tunnels that are up stay up."""
        before = self.description
        self.description = dataclasses.replace(before, **fields)
        try:
            self._load()
        except TunnelLabError:
            self.description = before
            raise

    def list_clients(self) -> list[ConnectedClient]:
        """Who is connected now, from strongSwan's own list of SAs."""
        with self._daemon.vici() as session:
            associations = [sa for entry in session.list_sas() for sa in entry.values()]
        presented = self._daemon.presented_certificates()
        up = [sa for sa in associations if sa["state"] == b"ESTABLISHED" and sa.get("child-sas")]
        return [self._client(sa, presented) for sa in up]

    def disconnect(self, identity: str) -> int:
        """End a client's sessions; returns how many."""
        clients = [client for client in self.list_clients() if client.identity == identity]
        for client in clients:
            self.end(client.unique_id)
        return len(clients)

    def end(self, unique_id: str) -> None:
        """End one session, as disconnectP2sVpnConnections does."""
        with self._daemon.vici() as session:
            for _unused in session.terminate({"ike-id": unique_id, "timeout": "5000"}):
                pass

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """As long as this lasts the gateway answers nothing, as one that is down or unreachable."""
        self._daemon.pause()
        try:
            yield
        finally:
            self._daemon.resume()

    def refusal_since(self, mark: int) -> causes.Refusal | None:
        """Why a client was refused after `mark` (from `log_size`), by the gateway's own log."""
        return causes.refusal(self._daemon.log_since(mark))

    def log_size(self) -> int:
        return self._daemon.log_size()

    def log_since(self, mark: int = 0) -> list[str]:
        return self._daemon.log_since(mark)

    def swanctl(self, *arguments: str) -> str:
        return self._daemon.swanctl(*arguments)

    def _load(self) -> None:
        """Give charon the whole description; what is the same as before it leaves alone."""
        lists = self._revocation_lists()
        server = self._server_identity()
        self._answer_inside()
        with self._daemon.vici() as session:
            session.clear_creds()
            self._load_credentials(session, server, lists)
            self._load_pools(session)
            self._load_connections(session, server)
        self._publish(self.names)

    def _server_identity(self) -> Identity:
        """The gateway's own certificate; a new one only when its name or its issuer has changed."""
        issuer, name = self.description.gateway_issuer, self.description.server_name
        server = self._server
        if server is None or server.parent is not issuer or authority.dns_names(server.certificate) != [name]:
            self._server = server = authority.new_server(issuer, name)
        return server

    def _answer_inside(self) -> None:
        for address in (self.address, *self.inside_addresses):
            self._daemon.namespace.run("ip", "address", "replace", f"{address}/32", "dev", "lo")

    def _revocation_lists(self) -> list[tuple[bytes, bytes]]:
        if not self.description.revoked:
            return []
        seen = [chain[0] for chain in self._daemon.presented_certificates().values()]
        return self._revocations.build(self.description.revoked, [*self.description.known_clients, *seen])

    def _load_credentials(self, session: Any, server: Identity, lists: list[tuple[bytes, bytes]]) -> None:
        for intermediate in self.description.gateway_issuer.intermediates:
            session.load_cert({"type": "X509", "flag": "NONE", "data": intermediate.der})
        for root in self.description.client_roots:
            session.load_cert({"type": "X509", "flag": "CA", "data": root})
        for stand_in, crl in lists:
            session.load_cert({"type": "X509", "flag": "CA", "data": stand_in})
            session.load_cert({"type": "X509_CRL", "flag": "NONE", "data": crl})
        session.load_key({"type": "rsa", "data": server.key_der})

    def _load_pools(self, session: Any) -> None:
        dns = self.description.dns_servers
        for name, addresses in self.description.pools.items():
            if self._pools.get(name) != (addresses, dns):
                session.load_pool({name: {"addrs": addresses, "dns": list(dns)}})
                self._pools[name] = addresses, dns

    def _load_connections(self, session: Any, server: Identity) -> None:
        """One connection for each method, each once for the gateway's own name and once for any other.

        The second kind answers a client that asks for a wrong name: the client then finds the name missing in the
        certificate, as strongSwan clients of Azure did (MicrosoftDocs/azure-docs#104181), instead of being refused by
        the gateway.

        charon chooses pools by connection, and a connection not by what a certificate's common name ends with. So each
        client that is known and is not of the default group has connections of its own, for each name that it may come
        with, which this certificate alone may use.
        """
        wanted = {}
        for method in self.description.methods:
            for kind, local_id in (("named", f"fqdn:{self.description.server_name}"), ("other", "%any")):
                wanted[f"{method}-{kind}"] = self._connection(method, local_id, server)
                for client in dict.fromkeys(self.description.known_clients):
                    pool = self.description.pool_of(client)
                    own = pool != self.description.pool_of_others
                    for number, name in enumerate(authority.names(client) if own else ()):
                        connection = self._connection(method, local_id, server, pool)
                        connection["remote-1"] |= {"id": name, "certs": [client]}
                        wanted[f"{method}-{kind}-{authority.thumbprint(client)}-{number}"] = connection
        for name in self._connections - wanted.keys():
            session.unload_conn({"name": name})
        for name, connection in wanted.items():
            session.load_conn({name: connection})
        self._connections = set(wanted)

    def _connection(self, method: str, local_id: str, server: Identity, pool: str = "") -> dict[str, Any]:
        description, policy = self.description, self.description.ipsec_policy
        seconds, kilobytes = int(policy["saLifeTimeSeconds"]), int(policy["saDataSizeKilobytes"])
        child = {
            "mode": "tunnel",
            "local_ts": list(description.routes),
            "esp_proposals": [algorithms.azure_child(policy)],
            "rekey_time": f"{seconds * 9 // 10}s",  # the client moves first; the gateway only just before the end
            "life_time": f"{seconds}s",
            "rand_time": "0s",
            "rekey_bytes": str(kilobytes * 1024 * 9 // 10),
            "life_bytes": str(kilobytes * 1024),
        }
        # Azure asks for certificates of the uploaded roots (MicrosoftDocs/azure-docs#104181), and trusts no other.
        remote = {"auth": _METHODS[method], "id": "%any", "cacerts": list(description.client_roots)}
        if method == "eap_tls":
            remote["eap_id"] = "%any"
        return {
            "version": "2",
            "local_addrs": [self.address],
            "remote_addrs": ["%any"],
            "proposals": [algorithms.azure_ike(policy)],
            "pools": [pool or self.description.pool_of_others],
            "send_cert": "always",  # Microsoft's GUI clients send no certificate request
            "dpd_delay": "45s",  # documented for site-to-site connections
            "rekey_time": f"{description.ike_lifetime_seconds * 9 // 10}s",
            "over_time": f"{description.ike_lifetime_seconds // 10 + 1}s",
            "rand_time": "0s",
            "local-1": {"auth": "pubkey", "id": local_id, "certs": [server.der]},
            "remote-1": remote,
            "children": {f"{method}-tunnel": child},
        }

    def _client(self, sa: Mapping[str, Any], presented: Mapping[str, list[bytes]]) -> ConnectedClient:
        identity, unique_id = _text(sa["remote-id"]), _text(sa["uniqueid"])
        virtual_ip = _text(sa.get("remote-vips", [b""])[0])
        session = (identity, virtual_ip)  # what stays when the IKE_SA is replaced by a rekeying
        if unique_id in presented:
            self._thumbprints[session] = authority.thumbprint(presented[unique_id][0])
        children = [child for child in sa["child-sas"].values() if child["state"] == b"INSTALLED"]
        return ConnectedClient(
            identity=identity,
            virtual_ip=virtual_ip,
            public_ip=_text(sa["remote-host"]),
            connected_seconds=int(sa.get("established", 0)),
            bytes_in=sum(int(child["bytes-in"]) for child in children),
            bytes_out=sum(int(child["bytes-out"]) for child in children),
            certificate_sha1=self._thumbprints.get(session),
            unique_id=unique_id,
        )


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
