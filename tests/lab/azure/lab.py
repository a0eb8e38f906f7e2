# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AzureLab: the parts put together, and what a test may set, add and ask."""

from __future__ import annotations

import base64
import copy
import json
import threading
import traceback
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from . import certificates, cli, server_configurations
from .arm import Arm, changes
from .authority import Authority
from .blobs import Blobs
from .faults import Faults
from .graph import Graph
from .intune import Intune
from .messages import Request, Response
from .operations import Plan
from .server import Listener
from .state import Client, Profile, Resource, Subscription, random_label
from .storage import Storage

Certificate = str | bytes | x509.Certificate


@dataclass(frozen=True)
class Record:
    """One request that arrived. `query` has no signature in it; `body` is the JSON of an ARM request."""

    method: str
    host: str
    path: str
    query: str
    status: int
    body: Any = field(default=None, repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"


class AzureLab:
    """A running lab Azure; a context manager. `folder` gets its CA and other files."""

    def __init__(self, folder: Path, *, resource_group: str = "rg-vpn", location: str = "westeurope") -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.resource_group, self.location = resource_group, location
        self.plan = Plan()
        self.faults = Faults()
        self.requests: list[Record] = []
        self.crashes: list[str] = []
        self._lock = threading.RLock()
        self._issuer = certificates.authority("Lab Azure CA")
        self.ca_file = certificates.write(self.folder / "ca.pem", self._issuer.certificate_pem)
        identity = certificates.server(self._issuer, ["localhost", "127.0.0.1"])
        server_file = certificates.write(self.folder / "server.pem", identity.certificate_pem, identity.key_pem)
        self._listener = Listener(server_file)
        self.port = self._listener.port
        self.url = f"https://localhost:{self.port}"
        self.authority = Authority(self.url, self.url)
        self.blobs = Blobs(f"https://127.0.0.1:{self.port}")
        self.storage = Storage(f"https://127.0.0.1:{self.port}", self.authority)
        self.graph = Graph(f"https://127.0.0.1:{self.port}", self.authority)
        self.intune = Intune(self.graph)
        self.subscription = Subscription(str(uuid.uuid4()))
        self.arm = Arm(self.url, self.subscription, self.authority, self.blobs, self.storage)
        self.subscription.add_group(resource_group, location)
        self._gateway_root: certificates.Identity | None = None

    def __enter__(self) -> Self:
        self._listener.start(self._serve)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        if self.crashes and error is None:
            raise RuntimeError("the lab's Azure has crashed:\n" + "\n".join(self.crashes))

    def set_clock(self, now: datetime) -> None:
        """From now on Azure's answers bear another date. What is valid there goes by this machine's clock."""
        self._listener.set_clock((now - datetime.now(UTC)).total_seconds())

    # --- what a client needs -----------------------------------------------------------------------------------

    @property
    def subscription_id(self) -> str:
        return self.subscription.id

    @property
    def tenant(self) -> str:
        return self.authority.tenant

    @property
    def client_id(self) -> str:
        return self.authority.client_id

    @property
    def client_secret(self) -> str:
        return self.authority.client_secret

    def environment(self, login: str = "secret") -> dict[str, str]:
        """Variables for a client process.

        `login`: `secret`, `certificate`, `workload_identity`, `managed_identity`, `arc` or `none`.
        """
        variables = {
            "AZURE_SUBSCRIPTION_ID": self.subscription_id,
            "AZURE_CLOUD_ENVIRONMENT": self.url,
            "AZURE_AUTHORITY_HOST": self.url,
            "REQUESTS_CA_BUNDLE": str(self.ca_file),
            "SSL_CERT_FILE": str(self.ca_file),
            "NO_PROXY": "localhost,127.0.0.1",
            "no_proxy": "localhost,127.0.0.1",
        }
        principal = {"AZURE_TENANT_ID": self.tenant, "AZURE_TENANT": self.tenant, "AZURE_CLIENT_ID": self.client_id}
        if login == "secret":
            variables |= principal | {"AZURE_CLIENT_SECRET": self.client_secret, "AZURE_SECRET": self.client_secret}
        elif login == "certificate":
            variables |= principal | {"AZURE_CLIENT_CERTIFICATE_PATH": str(self.client_certificate())}
        elif login == "managed_identity":
            variables |= {
                "IDENTITY_ENDPOINT": f"{self.url}/msi/token",
                "IDENTITY_HEADER": self.authority.identity_header,
            }
        elif login == "workload_identity":
            file = self.folder / "federated-token"
            file.write_text(f"{self.authority.federation.token()}\n", encoding="utf-8")
            variables |= {"AZURE_TENANT_ID": self.tenant, "AZURE_CLIENT_ID": self.client_id}
            variables |= {"AZURE_FEDERATED_TOKEN_FILE": str(file)}
        elif login == "arc":
            variables |= {"IDENTITY_ENDPOINT": f"{self.url}/arc/token", "IMDS_ENDPOINT": self.url}
        elif login != "none":
            raise ValueError(f"unknown login {login}")
        return variables

    def client_certificate(self) -> Path:
        """A PEM file with key and certificate that the application may log in with, instead of its secret."""
        path = self.folder / "client.pem"
        if not path.exists():
            identity = certificates.authority("Lab application", rsa_key=True)
            self.authority.certificate = identity.certificate
            certificates.write(path, identity.key_pem, identity.certificate_pem)
        return path

    def install_cli(self, folder: Path) -> Path:
        """Put an `az` into a folder (for PATH) that is logged in to the lab: see cli.py. Return its path."""
        return cli.install(folder, self.authority, self.subscription_id)

    def grant(self, *actions: str) -> None:
        """Take every permission away but these (`Microsoft.Network/virtualWans/read`, wildcards as in a role)."""
        self.arm.permissions = list(actions)

    # --- what the subscription holds ---------------------------------------------------------------------------

    def add_resource_group(self, name: str) -> None:
        self.subscription.add_group(name, self.location)

    def add_virtual_wan(
        self, name: str, *, resource_group: str | None = None, vpn_server: str | None = None
    ) -> Resource:
        """A virtual WAN; `vpn_server` is the name that its global package shows."""
        properties = {
            "provisioningState": "Succeeded",
            "disableVpnEncryption": False,
            "allowBranchToBranchTraffic": True,
            "office365LocalBreakoutCategory": "None",
            "type": "Standard",
        }
        wan = self._add("virtualWans", name, properties, resource_group)
        wan.profile = Profile(
            vpn_server or f"wan.{random_label(24)}.vpn.azure.com", vnet_name=name, vnet_id=str(uuid.uuid4())
        )
        return wan

    def add_hub(
        self,
        name: str,
        virtual_wan: str | Resource,
        *,
        address_prefix: str = "10.10.0.0/23",
        resource_group: str | None = None,
    ) -> Resource:
        wan = self._find("virtualWans", virtual_wan, resource_group)
        properties = {
            "provisioningState": "Succeeded",
            "virtualWan": {"id": wan.id},
            "addressPrefix": address_prefix,
            "routeTable": {"routes": []},
            "routingState": "Provisioned",
            "sku": "Standard",
        }
        hub = self._add("virtualHubs", name, properties, resource_group)
        wan.properties.setdefault("virtualHubs", []).append({"id": hub.id})
        return hub

    def add_server_configuration(
        self,
        name: str,
        protocols: Iterable[str] = ("IkeV2",),
        auth: Iterable[str] = ("Certificate",),
        roots: Iterable[Certificate] = (),
        *,
        revoked: Iterable[str] = (),
        ipsec_policy: dict[str, Any] | None = None,
        resource_group: str | None = None,
        tags: dict[str, str] | None = None,
        **properties: Any,
    ) -> Resource:
        """A User VPN configuration. Other keywords become properties, unknown ones too, as they stand.

        `roots` are certificates; for other forms of publicCertData give `vpnClientRootCertificates` itself.
        """
        stored = server_configurations.defaults() | {
            "vpnProtocols": list(protocols),
            "vpnAuthenticationTypes": list(auth),
            "vpnClientRootCertificates": [
                {"name": f"root-{number}", "publicCertData": public_cert_data(root)}
                for number, root in enumerate(roots, start=1)
            ],
            "vpnClientRevokedCertificates": [
                {"name": f"revoked-{number}", "thumbprint": thumbprint}
                for number, thumbprint in enumerate(revoked, start=1)
            ],
            "vpnClientIpsecPolicies": [ipsec_policy] if ipsec_policy else [],
        }
        configuration = self._add("vpnServerConfigurations", name, stored | properties, resource_group)
        configuration.tags = tags
        return configuration

    def add_p2s_gateway(
        self,
        name: str,
        hub: str | Resource,
        configuration: str | Resource,
        *,
        roots: Iterable[Certificate] | None = None,
        dns: Iterable[str] = (),
        pool: str | Iterable[str] = "172.31.250.0/24",
        routes: Iterable[str] = ("10.20.0.0/16",),
        vpn_server: str | None = None,
        resource_group: str | None = None,
    ) -> Resource:
        """A P2S VPN gateway; `roots` are those of its own server certificate, by default the lab's own."""
        its_hub = self._find("virtualHubs", hub, resource_group)
        its_configuration = self._find("vpnServerConfigurations", configuration, resource_group)
        group = resource_group or self.resource_group
        identifier = self.subscription.id_of("p2sVpnGateways", group, name)
        prefixes = [pool] if isinstance(pool, str) else list(pool)
        connection = {
            "name": "P2SConnectionConfigDefault",
            "id": f"{identifier}/p2sConnectionConfigurations/P2SConnectionConfigDefault",
            "etag": 'W/"00000000-0000-0000-0000-000000000000"',
            "type": "Microsoft.Network/p2sVpnGateways/p2sConnectionConfigurations",
            "properties": {
                "provisioningState": "Succeeded",
                "vpnClientAddressPool": {"addressPrefixes": prefixes},
                "routingConfiguration": {
                    "associatedRouteTable": {"id": f"{its_hub.id}/hubRouteTables/defaultRouteTable"}
                },
                "enableInternetSecurity": False,
            },
        }
        properties = {
            "provisioningState": "Succeeded",
            "virtualHub": {"id": its_hub.id},
            "vpnServerConfiguration": {"id": its_configuration.id},
            "vpnServerConfigurationLocation": its_configuration.location,
            "p2SConnectionConfigurations": [connection],
            "vpnGatewayScaleUnit": 1,
            "customDnsServers": list(dns),
            "isRoutingPreferenceInternet": False,
        }
        gateway = self._add("p2sVpnGateways", name, properties, resource_group)
        its_hub.properties["p2SVpnGateway"] = {"id": gateway.id}
        gateway.profile = Profile(
            vpn_server or f"hub0.{random_label(24)}.vpn.azure.com",
            [certificates.load(root) for root in roots] if roots is not None else [self.gateway_root],
            list(routes),
            its_hub.name,
            str(uuid.uuid4()),
        )
        return gateway

    def add_user_group(
        self,
        gateway: str | Resource,
        name: str,
        pool: str,
        *,
        domains: Iterable[str] = (),
        priority: int = 0,
        default: bool = False,
        resource_group: str | None = None,
    ) -> None:
        """A user group of the configuration that a gateway uses, and a connection configuration for it with its pool.

        Form of both: VpnServerConfigurationPut and P2SVpnGatewayGet in Azure/azure-rest-api-specs. The first group
        takes the place of the connection configuration that is for all.
        """
        its_gateway = self._find("p2sVpnGateways", gateway, resource_group)
        configuration = next(
            each
            for each in self.subscription.of_kind("vpnServerConfigurations")
            if each.id == its_gateway.properties["vpnServerConfiguration"]["id"]
        )
        etag = 'W/"00000000-0000-0000-0000-000000000000"'
        groups = configuration.properties.setdefault("configurationPolicyGroups", [])
        group = {
            "name": name,
            "id": f"{configuration.id}/configurationPolicyGroups/{name}",
            "etag": etag,
            "type": "Microsoft.Network/vpnServerConfigurations/configurationPolicyGroups",
            "properties": {
                "provisioningState": "Succeeded",
                "isDefault": default,
                "priority": priority,
                "policyMembers": [
                    {"name": f"member{number}", "attributeType": "CertificateGroupId", "attributeValue": domain}
                    for number, domain in enumerate(domains, start=1)
                ],
            },
        }
        connections = its_gateway.properties["p2SConnectionConfigurations"]
        mine = copy.deepcopy(connections[0])
        mine["name"] = f"config-{name}"
        mine["id"] = f"{its_gateway.id}/p2sConnectionConfigurations/{mine['name']}"
        mine["properties"]["vpnClientAddressPool"]["addressPrefixes"] = [pool]
        mine["properties"]["configurationPolicyGroupAssociations"] = [{"id": group["id"]}]
        others = connections if groups else []
        its_gateway.properties["p2SConnectionConfigurations"] = [*others, mine]
        groups.append(group)

    @property
    def gateway_root(self) -> x509.Certificate:
        """The root of gateways that were given none: RSA, as Azure's are."""
        if self._gateway_root is None:
            self._gateway_root = certificates.authority("Lab Gateway Root", rsa_key=True)
        return self._gateway_root.certificate

    def connect_client(
        self, gateway: Resource, address: str, user_name: str = "", *, ingress_bytes: int = 0, egress_bytes: int = 0
    ) -> Client:
        """A client connects: the gateway's health counts it, and lists it by the name of its certificate."""
        client = Client(address, f"IKE_{uuid.uuid4()}", ingress_bytes, egress_bytes, user_name)
        gateway.clients.append(client)
        return client

    # --- what happened -----------------------------------------------------------------------------------------

    @property
    def writes(self) -> list[Record]:
        """Requests that change something in Azure, whether they succeeded or not."""
        return [record for record in self.requests if changes(_request_of(record))]

    @property
    def arm_requests(self) -> list[Record]:
        return [record for record in self.requests if record.path.lower().startswith("/subscriptions/")]

    @property
    def graph_requests(self) -> list[Record]:
        return [record for record in self.requests if record.path.startswith(("/v1.0/", "/beta/"))]

    @property
    def leaks(self) -> list[str]:
        """Requests that sent a bearer token to the blob store."""
        return self.blobs.leaks

    @property
    def secrets(self) -> set[str]:
        """Every secret so far: none of these may stand in an output, a log, a file or a message."""
        with self._lock:
            found = {self.client_secret, self.authority.identity_header, *self.authority.tokens}
            found |= {self.authority.arc_key, *self.authority.federation.made}
            found |= self.blobs.secrets | self.storage.secrets
            for configuration in self.subscription.of_kind("vpnServerConfigurations"):
                found |= {item["radiusServerSecret"] for item in server_configurations.radius_secrets(configuration)}
        return found

    def forget_requests(self) -> None:
        self.requests.clear()

    # --- serving -----------------------------------------------------------------------------------------------

    def _serve(self, request: Request) -> Response:
        fault = self.faults.take(request)
        response = fault.before(request) if fault is not None and fault.before is not None else None
        if response is not None:
            response = replace(response, headers=dict(response.headers))
        else:
            plan = copy.copy(self.plan)
            if fault is not None and fault.plan is not None:
                fault.plan(plan)
            with self._lock:
                response = self._guarded(request, plan)
        if fault is not None and fault.after is not None:
            response = fault.after(response)
        self.requests.append(_record(request, response))
        return response

    def _guarded(self, request: Request, plan: Plan) -> Response:
        """A mistake in the lab must not look like one in the client: keep it, and let it end the test."""
        try:
            return self._route(request, plan)
        except Exception:  # noqa: BLE001
            self.crashes.append(traceback.format_exc())
            return Response(500, b"the lab has crashed", {"Content-Type": "text/plain"})

    def _route(self, request: Request, plan: Plan) -> Response:
        if request.host == f"127.0.0.1:{self.port}":
            if request.path.startswith(("/v1.0/", "/beta/")):
                return self.graph.handle(request)
            mine = request.path.startswith(f"/{self.storage.name}/")
            return self.storage.handle(request) if mine else self.blobs.handle(request)
        if request.host != f"localhost:{self.port}":
            return Response(421, b"", {"Content-Type": "text/plain"})
        if request.path.lower().startswith(("/subscriptions", "/metadata/", "/providers/")):
            return self.arm.handle(request, plan)
        return self.authority.handle(request)

    def _add(self, kind: str, name: str, properties: dict[str, Any], group: str | None) -> Resource:
        with self._lock:
            group = group or self.resource_group
            self.subscription.add_group(group, self.location)
            return self.subscription.add(kind, group, name, self.location, properties)

    def _find(self, kind: str, given: str | Resource, group: str | None) -> Resource:
        if isinstance(given, Resource):
            return given
        found = self.subscription.get(kind, group or self.resource_group, given)
        if found is None:
            raise LookupError(f"the lab's Azure has no {kind} {given}")
        return found


def public_cert_data(certificate: Certificate) -> str:
    """A certificate as Azure wants it: base64 of the DER form, on one line."""
    return base64.b64encode(certificates.load(certificate).public_bytes(Encoding.DER)).decode()


def _record(request: Request, response: Response) -> Record:
    query = "&".join(part for part in request.query.split("&") if not part.startswith("sig="))
    body = None
    if request.body and request.headers.get("content-type", "").startswith("application/json"):
        try:
            body = json.loads(request.body)
        except ValueError:
            body = request.body
    headers = {
        name: value for name, value in request.headers.items() if name not in ("authorization", "x-identity-header")
    }
    return Record(request.method, request.host, request.path, query, response.status, body, headers)


def _request_of(record: Record) -> Request:
    return Request(record.method, record.host, record.path, record.query, {}, b"")
