# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that reads what others wrote: one row each, with real samples. A new parser is a new row.

A row's `parse` takes bytes as they would come from outside and goes on as the collection does: what was read is judged,
shown and turned into JSON, too.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import io
import json
import plistlib
import shutil
import sqlite3
import tempfile
import urllib.error
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure import (
    blob,
    changes,
    client,
    clouds,
    configurations,
    credentials,
    errors,
    fetch,
    health,
    packages,
    roots,
    sessions,
    tls,
    trust,
)
from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.operations import Wait
from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.settings import wished
from ansible_collections.vwan.user_vpn.plugins.module_utils._documents import read_json
from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet import conclusion, refusals
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet import evidence as of_azure
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet import sessions as whose
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.report import report as fleet_report
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac import (
    answer,
    disconnects,
    evidence,
    key,
    tunnel,
)
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac import certificate as keychain
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac import profile as installing
from ansible_collections.vwan.user_vpn.plugins.module_utils._mdm import (
    comparing,
    fleet,
    http,
    intune,
    jamf,
    journal,
    nanomdm,
)
from ansible_collections.vwan.user_vpn.plugins.module_utils._mdm.interface import Target
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig import identity, manifest, signing, view
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.profile import Draft, Request
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.reading import read_profile
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.stored import Stored
from ansible_collections.vwan.user_vpn.plugins.module_utils._package import read_package, read_package_bytes
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import _faults, backup, database, report
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import refusals as store_refusals
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.packages import last_package, remember_package
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509 import certificates, checks, csr, keys, pkcs12
from ansible_collections.vwan.user_vpn.tests.lab import sample_fleet
from ansible_collections.vwan.user_vpn.tests.lab.packages import (
    OLDEST_LACKS,
    gateway_root,
    settings_xml,
    zip_like_azure,
)
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action
from ansible_collections.vwan.user_vpn.tests.unit.fuzz.mutations import (
    LARGEST,
    binary_der_of,
    bytes_of,
    documents_of,
    json_of,
    pem_of,
    plist_of,
    zip_of,
)
from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig import makers
from ansible_collections.vwan.user_vpn.tests.unit.pki import pki_tools

MARK = "0123456789abcdef"
IDENTIFIER = "com.example.uservpn"


@dataclass(frozen=True)
class Parser:
    """What reads, real samples of what it reads, and how each is altered. `cost`: examples are fewer by that factor."""

    name: str
    parse: Callable[[bytes], object]
    samples: Callable[[], Mapping[bytes, st.SearchStrategy[bytes]]]
    cost: int = 1


PARSERS: dict[str, Parser] = {}


def row(
    samples: Callable[[], Mapping[bytes, st.SearchStrategy[bytes]]], cost: int = 1
) -> Callable[[Callable[[bytes], object]], Callable[[bytes], object]]:
    def add(parse: Callable[[bytes], object]) -> Callable[[bytes], object]:
        name = parse.__name__.replace("_", " ")
        PARSERS[name] = Parser(name, parse, functools.cache(samples), cost)
        return parse

    return add


def now() -> datetime:
    return datetime.now(UTC)


@functools.cache
def pki() -> makers.Pki:
    return makers.Pki()


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as place:
        yield Path(place)


def text(content: bytes) -> str:
    """As Ansible makes text of what a Mac printed."""
    return content.decode("utf-8", "surrogateescape")


# --- the profile package -----------------------------------------------------------------------------------------
def _xmls() -> dict[bytes, st.SearchStrategy[bytes]]:
    der = gateway_root().der
    found = (
        settings_xml([der, der], dns=["10.20.0.4"], extra_elements={"Surprise": "x"}),
        settings_xml([der], generation=1, omit=OLDEST_LACKS),
        settings_xml([der]).decode().encode("utf-16"),
    )
    return {xml: bytes_of(xml) for xml in found}


def _zips() -> dict[bytes, st.SearchStrategy[bytes]]:
    der = gateway_root().der
    members = {
        f"Generic\\{name}": content
        for name, content in (
            ("VpnSettings.xml", next(iter(_xmls()))),
            ("VpnServerRoot.cer_0", der),
            ("VpnServerRoot.cer_1", gateway_root().pem),
        )
    }
    kinds = {"Generic\\VpnServerRoot.cer_0": binary_der_of, "Generic\\VpnServerRoot.cer_1": pem_of}
    return {zip_like_azure(members): zip_of(members, kinds)}


@row(_zips)
def profile_package(content: bytes) -> object:
    package = read_package_bytes(content)
    packages.with_roots(content, [certificates.read_one(gateway_root("Another").der, "another")], "kept")
    return json.dumps([package.settings(), package.warnings, package.digest])


@row(_xmls)
def unzipped_package(content: bytes) -> object:
    with folder() as place:
        (place / "Generic").mkdir()
        (place / "Generic/VpnSettings.xml").write_bytes(content)
        (place / "Generic/VpnServerRoot.cer").write_bytes(gateway_root().der)
        return json.dumps(read_package(place).settings())


# --- profiles and their companions -------------------------------------------------------------------------------
@functools.cache
def _profile() -> bytes:
    roots = [makers.root_entry(pki().gateway_root)]
    request = Request(
        {"vpn_server": "wan.x.vpn.azure.com", "gateway_roots": roots},
        IDENTIFIER,
        "Example",
        on_demand={"connect": "always", "trusted_ssids": ["Office"]},
        dns={"servers": ["10.0.0.4"]},
    )
    return Draft(request).profile(_identity()).content


@functools.cache
def _identity() -> identity.Identity:
    return identity.load(pki().pkcs12(pki().client()), makers.PASSWORD, "it")


@functools.cache
def _newer_form() -> bytes:
    return pki().pkcs12(pki().client(), legacy=False)


@functools.cache
def _unfinished() -> bytes:
    request = Request(
        {"vpn_server": "wan.x.vpn.azure.com", "gateway_roots": [makers.root_entry(pki().gateway_root)]},
        IDENTIFIER,
        "Example",
    )
    client = identity.load_certificate(makers.pem(pki().client()), "it")
    return Draft(request).profile(client).content


def _profiles() -> dict[bytes, st.SearchStrategy[bytes]]:
    signer = signing.load_signer(makers.pem(pki().client()), makers.key_pem(pki().leaf_key), None)
    signed = signing.sign(_profile(), signer)
    return {
        _profile(): plist_of(_profile()),
        _unfinished(): plist_of(_unfinished()),
        signed: binary_der_of(signed),
    }


@row(_profiles)
def profile(content: bytes) -> object:
    stored = Stored.of(content)
    lines = view.lines(stored)
    assert all(line.isprintable() for line in lines)
    stored.pkcs12(IDENTIFIER)
    return read_profile(content, "it").unfinished, lines


def _manifests() -> dict[bytes, st.SearchStrategy[bytes]]:
    entry = {
        "host": "mac-01",
        "serial_number": "C02X",
        "identifier": IDENTIFIER,
        "profile_uuid": "A" * 36,
        "sha256": "b" * 64,
        "certificate_sha1": "C" * 40,
        "certificate_not_after": "2027-01-01T00:00:00Z",
        "file": "mac-01.mobileconfig",
    }
    document = {"version": 1, "profiles": {"mac-01": entry, "mac-02": entry | {"serial_number": None}}}
    sample = json.dumps(document, indent=2).encode()
    return {sample: json_of(sample)}


@row(_manifests)
def manifest_of_an_export(content: bytes) -> object:
    with folder() as place:
        path = place / "manifest.json"
        path.write_bytes(content)
        manifest.take_out(path, ["C" * 40], check=True)
        return manifest.update(path, {"mac-01": {"sha256": "x"}}, check=True)


def _wishes() -> dict[bytes, st.SearchStrategy[bytes]]:
    def association() -> dict[str, Any]:
        return {"encryption": "AES-256", "integrity": "SHA2-256", "dh_group": 14, "lifetime_minutes": 400}

    wishes = {
        "settings": {
            "vpn_server": "wan.x.vpn.azure.com", "dns_servers": ["10.0.0.4"], "routes": ["10.0.0.0/16"], "ikev2": True,
            "gateway_roots": [makers.root_entry(pki().gateway_root)],
        },
        "identifier": IDENTIFIER, "connection_name": "Example", "organization": "Example", "macos": "26.1",
        "algorithms": {"ike": association(), "child": association(), "pfs": True}, "ikev2": {"MTU": 1300},
        "on_demand": {"connect": "domains", "domains": ["example.com"], "ssids": ["Office"], "url_probe": "https://a.b"},
        "dns": {"servers": ["10.0.0.4"], "match_domains": ["example.com"], "match_domains_only": True},
        "client_chain": ["root.pem"], "description": "two\nlines",
    }  # fmt: skip
    policy = {**configurations.GOOD_POLICY}
    other = {**wishes, "ipsec_policy": [policy], "on_demand": {"rules": [{"Action": "Connect"}]}}
    del other["algorithms"]
    return _options(wishes, other)


def _options(*wishes: dict[str, Any]) -> dict[bytes, st.SearchStrategy[bytes]]:
    """Altered, and not larger than a playbook may be."""
    return {
        json.dumps(each).encode(): documents_of(each)
        .map(lambda document: json.dumps(document).encode())
        .filter(lambda whole: len(whole) < LARGEST)
        for each in wishes
    }


@row(_wishes, cost=4)
def options_of_mobileconfig(content: bytes) -> object:
    wishes = json.loads(content)
    if not isinstance(wishes, dict):
        return None
    with folder() as place:
        (place / "root.pem").write_bytes(makers.pem(pki().root))
        (place / "mac-01.pem").write_bytes(makers.pem(pki().client()))
        if wishes.get("client_chain") == ["root.pem"]:
            wishes["client_chain"] = [str(place / "root.pem")]
        identity = {"certificate_path": str(place / "mac-01.pem")}
        fixed = {"dest": str(place), "macs": [{"host": "mac-01", "identity": identity}]}
        return done("mobileconfig", wishes | fixed, check=True, diff=True)


def _enrolments() -> dict[bytes, st.SearchStrategy[bytes]]:
    wish = {
        "url": "https://pki.example.com/scep", "name": "Example CA", "challenge": "a long enough challenge",
        "subject": "/CN=%SerialNumber%/O=Example\\/Ltd", "ca_fingerprint": "00:" * 19 + "00", "key_size": 2048,
    }  # fmt: skip
    listed = {**wish, "subject": [[["CN", "$SERIALNUMBER"]], ["O", "Example"]], "key_type": "RSA"}
    return _options(wish, listed)


@row(_enrolments, cost=4)
def options_of_scep(content: bytes) -> object:
    wish = json.loads(content)
    if not isinstance(wish, dict):
        return None
    settings = {"vpn_server": "wan.x.vpn.azure.com", "gateway_roots": [makers.root_entry(pki().gateway_root)]}
    with folder() as place:
        fixed = {"settings": settings, "identifier": IDENTIFIER, "connection_name": "Example", "delivery": "mdm"}
        macs = [{"host": "mac-01", "identity": {"scep": wish}}]
        return done("mobileconfig", {**fixed, "dest": str(place), "macs": macs}, check=True, diff=True)


def _clients() -> dict[bytes, st.SearchStrategy[bytes]]:
    wishes = {"clients": ["mac-01", {"name": "mac-02", "sans": ["mac-02.example.com"]}], "csrs": {}, "valid_days": "90"}
    line = {
        "sha1": "AB" * 20, "serial": "0A", "common_name": "C02X", "subject": "CN=C02X,O=Example\\, Ltd", "issuer": "",
        "not_before": "2026-11-01T00:00:00Z", "not_after": "2096-11-01T00:00:00Z",
    }  # fmt: skip
    there = [line, line | {"issuer": "Root"}, makers.pem(pki().client("C02X")).decode()]
    learnt = {"name": "mac-01", "serial_number": "C02X", "subject": "/CN=$SERIALNUMBER", "enrolled": there}
    return _options(wishes, {"clients": [learnt], "refused": ["AB" * 20], "readmit": ["mac-01"]})


@row(_clients, cost=2)
def options_of_client_certificates(content: bytes) -> object:
    wishes = json.loads(content)
    if not isinstance(wishes, dict):
        return None
    with folder() as place:
        (place / "root.pem").write_bytes(makers.pem(pki().root))
        fixed = {"pki": str(place / "pki.db"), "passphrase": "correct horse battery"}
        fixed |= {"scep_roots": [str(place / "root.pem")]} if "refused" in wishes else {}
        return done("client_certificates", wishes | fixed, check=True, diff=True)


def done(action: str, arguments: Mapping[str, Any], **how: bool) -> dict[str, Any]:
    """The result of an action; what it calls a failure is one, in words of ours."""
    result = run_action(action, arguments, **how)
    if result["failed"]:
        assert str(result["msg"]).isprintable(), result["msg"]
        assert len(str(result["msg"])) <= 2000
    json.dumps(result)
    return result


# --- certificates and keys ---------------------------------------------------------------------------------------
def _certificates() -> dict[bytes, st.SearchStrategy[bytes]]:
    leaf, root = pki().client(), pki().root
    der, pem = leaf.public_bytes(Encoding.DER), makers.pem(leaf, root)
    bag = pkcs7.serialize_certificates([leaf, root], Encoding.DER)
    ca = gateway_root().der
    return {
        der: binary_der_of(der),
        ca: binary_der_of(ca),
        pem: pem_of(pem),
        bag: binary_der_of(bag),
        base64.b64encode(der): bytes_of(base64.b64encode(der)),
        pem.decode().encode("utf-16"): bytes_of(pem.decode().encode("utf-16")),
    }


@row(_certificates)
def certificate(content: bytes) -> object:
    stored = roots.from_azure({"name": "x", "publicCertData": text(content)})
    stored.status(now())
    with suppress(UserVpnError):
        identity.load_certificate(content, "it")
    with suppress(UserVpnError):
        signing.load_signer(content, makers.key_pem(pki().leaf_key), None, content)
    found = certificates.read(content, "it")
    for each in found:
        assert each.label.isprintable()
        str((each.key_bits, each.names, each.serial, each.public_cert_data, each.pem, each.self_issued))
        for check in (checks.check_root, checks.check_client):
            with suppress(UserVpnError):
                check(each, "it", now())
        checks.issued_by(each, found[0])
        checks.is_authority(each)
    checks.path(found[0], found, "it")
    checks.check_chain(found[-1], found[:-1], now())
    return found


@functools.cache
def _request() -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(makers.name("mac-01"))
    return builder.sign(pki().leaf_key, SHA256()).public_bytes(Encoding.PEM)


def _requests() -> dict[bytes, st.SearchStrategy[bytes]]:
    return {_request(): pem_of(_request())}


@row(_requests)
def certificate_request(content: bytes) -> object:
    return keys.fingerprint(csr.public_key(text(content), "the Mac", 2048))


def _keys() -> dict[bytes, st.SearchStrategy[bytes]]:
    plain, sealed = makers.key_pem(pki().leaf_key), makers.key_pem(pki().leaf_key, makers.PASSWORD.encode())
    elliptic = makers.key_pem(pki().ca_key)
    return {each: pem_of(each) for each in (plain, sealed, elliptic)}


@row(_keys, cost=4)
def private_key(content: bytes) -> object:
    with suppress(UserVpnError):
        signing.load_signer(makers.pem(pki().client()), content, makers.PASSWORD)
    with suppress(UserVpnError):
        keys.load_key(content, None, "it", "passphrase")
    return keys.load_key(content, makers.PASSWORD, "it", "passphrase")


def _identities() -> dict[bytes, st.SearchStrategy[bytes]]:
    leaf = pki().client()
    found = (
        pki().pkcs12(leaf),
        pki().pkcs12(leaf, cas=[pki().root], legacy=False),
    )
    return {each: binary_der_of(each) for each in found} | {
        base64.b64encode(found[0]): bytes_of(base64.b64encode(found[0]))
    }


@row(_identities, cost=2)
def pkcs12_identity(content: bytes) -> object:
    with suppress(UserVpnError):
        identity.load(content, makers.PASSWORD, "it", previous=_identity().pkcs12)
    with suppress(UserVpnError):
        identity.load(_newer_form(), makers.PASSWORD, "it", previous=content)
    return pkcs12.read(content, makers.PASSWORD, "it", "password")


# --- Azure -------------------------------------------------------------------------------------------------------
class Answer:
    """An HTTP answer as azure-core hands it on: a status and headers on lines of their own, an empty line, a body."""

    def __init__(self, content: bytes, method: str) -> None:
        head, _empty, self.content = content.partition(b"\n\n")
        status, *headers = head.decode("latin-1").split("\n")[:100]  # http.client takes no more
        self.status_code = int(status) if status in ("200", "201", "202", "204", "400", "409", "429", "503") else 200
        self.headers = Message()
        for line in headers:
            name, _colon, value = line.partition(":")
            with suppress(ValueError):
                self.headers[name] = value.strip()
        self.request = SimpleNamespace(method=method, url="https://arm/resource")
        self.http_response = self

    def text(self) -> str:
        return self.content.decode("utf-8-sig")

    def read(self) -> bytes:
        return self.content


class Network:
    """The SDK's client, of which every operation has the same answer."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __getattr__(self, name: str) -> Any:
        return self

    def __call__(self, *_arguments: str, **options: Any) -> Any:
        if "polling" in options:
            polls = SimpleNamespace(format_url=lambda url: url, send_request=lambda _request: self.answer("GET"))
            options["polling"].initialize(polls, self.answer("POST"), None)
        elif "raw_response_hook" in options:
            options["raw_response_hook"](self.answer("GET"))
        return options["cls"](self.answer("GET"), None, {}) if "cls" in options else []

    def send_request(self, _request: object) -> Answer:
        return self.answer("POST")

    def answer(self, method: str) -> Answer:
        return Answer(self.content, method)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds + 0.1


def azure(content: bytes) -> client.Azure:
    clock = Clock()
    return client.Azure(
        Network(content), "S", Wait(20, lambda _line: None, lambda: clock.now, clock.sleep), client.Clock()
    )


_PLACE = "/subscriptions/S/resourceGroups/G/providers/Microsoft.Network"
HEAD = b"200\nContent-Type: application/json\nRetry-After: 5"


def _answers(*documents: Any) -> dict[bytes, st.SearchStrategy[bytes]]:
    found: dict[bytes, st.SearchStrategy[bytes]] = {}
    for document in documents:
        body = json.dumps(document, indent=2).replace("\n", "\r\n").encode()
        for head in (
            HEAD,
            HEAD + b"\nLocation: https://arm/b\nAzure-AsyncOperation: https://arm/a",
            b"409\nRetry-After: 9",
        ):
            after = json_of(body).map(lambda altered, head=head: head + b"\n\n" + altered)
            found[head + b"\n\n" + body] = after | bytes_of(head).map(
                lambda altered, body=body: altered + b"\n\n" + body
            )
    return found


def _configurations() -> dict[bytes, st.SearchStrategy[bytes]]:
    data = base64.b64encode(pki().root.public_bytes(Encoding.DER)).decode()
    broken = base64.b64encode(makers.pem(pki().root)).decode()
    configuration = {
        "id": f"{_PLACE}/vpnServerConfigurations/macs",
        "name": "macs",
        "location": "westeurope",
        "etag": 'W/"1"',
        "tags": {},
        "properties": {
            "provisioningState": "Succeeded",
            "vpnProtocols": ["IkeV2"],
            "vpnAuthenticationTypes": ["Certificate"],
            "vpnClientRootCertificates": [
                {"name": "a", "publicCertData": data},
                {"name": "b", "publicCertData": broken},
            ],
            "vpnClientRevokedCertificates": [{"name": "lost", "thumbprint": "AB" * 20}],
            "vpnClientIpsecPolicies": [dict(configurations.GOOD_POLICY)],
            "radiusServers": [{"radiusServerAddress": "10.0.0.9", "radiusServerSecret": "s"}],
            "p2SVpnGateways": [{"id": f"{_PLACE}/p2svpnGateways/gw1"}],
        },
    }
    return _answers(configuration)


def configuration_settings(**options: Any) -> changes.Settings:
    """All that may be set, or what is given."""
    wish = {"protocols": ["IkeV2", "OpenVPN"], "authentication_types": ["Certificate"], "ipsec_policy": "ecp384"}
    wish |= {"location": "westeurope", "tags": {"a": "b"}, "append_tags": False, "change_in_use": True}
    return wished(wish | options)


def _policies() -> dict[bytes, st.SearchStrategy[bytes]]:
    return _options({"ipsec_policy": [dict(configurations.GOOD_POLICY)], "tags": {"owner": "net"}})


@row(_policies)
def options_of_server_configuration(content: bytes) -> object:
    """Those whose values no specification knows."""
    options = json.loads(content)
    if not isinstance(options, dict) or not isinstance(options.get("tags") or {}, dict):
        return None
    return configuration_settings(ipsec_policy=options.get("ipsec_policy"), tags=options.get("tags"))


@row(_configurations)
def vpn_server_configuration(content: bytes) -> object:
    found = configurations.read(azure(content), "G", "macs")
    configurations.assess(found)
    json.dumps(configurations.summary(found, [], now()))
    root = certificates.read_one(gateway_root().der, "it")
    for wish in (
        trust.Wish(roots=(trust.RootWish(root.sha1, root),), revoked=(trust.RevokedWish("CD" * 20),)),
        trust.Wish(purge_roots=True, purge_revoked=True, remove_expired=True, repair_broken=True, unmade=("new",)),
    ):
        for settings in (changes.AS_IT_IS, configuration_settings()):
            with suppress(UserVpnError):
                plan = changes.make_plan(found, wish, now(), settings)
                json.dumps(plan.resource)
                changes.describe(plan.resource, now())
    with suppress(UserVpnError):
        changes.ensure(azure(content), "G", "macs", trust.Wish(revoked=(trust.RevokedWish("CD" * 20),)))
    return changes.ensure(azure(content), "G", "macs", trust.Wish(revoked=(trust.RevokedWish("AB" * 20),)))


def _gateways() -> dict[bytes, st.SearchStrategy[bytes]]:
    pools = {"properties": {"vpnClientAddressPool": {"addressPrefixes": ["172.16.0.0/24"]}}}
    gateway = {
        "id": f"{_PLACE}/p2svpnGateways/gw1", "name": "gw1", "location": "westeurope",
        "properties": {
            "provisioningState": "Succeeded", "customDnsServers": ["10.0.0.4"], "p2SConnectionConfigurations": [pools],
            "virtualHub": {"id": f"{_PLACE}/virtualHubs/h"},
            "vpnServerConfiguration": {"id": f"{_PLACE}/vpnServerConfigurations/c"},
            "vpnClientConnectionHealth": {
                "vpnClientConnectionsCount": 2, "allocatedIpAddresses": ["172.16.0.2"],
                "totalIngressBytesTransferred": 1000, "totalEgressBytesTransferred": 2000,
            },
        },
    }  # fmt: skip
    return _answers(gateway, {"value": [gateway], "nextLink": "https://arm/next"})


@row(_gateways)
def gateway_and_its_health(content: bytes) -> object:
    with suppress(UserVpnError):
        configurations.of_gateway(azure(content), "G", "gw1")
    with suppress(UserVpnError):
        configurations.read_all(azure(content), "G")
    with suppress(UserVpnError):
        configurations.gateways(
            azure(content), {"properties": {"p2SVpnGateways": [{"id": f"{_PLACE}/p2svpnGateways/g"}]}}
        )
    found = health.gateways(azure(content), "G")
    found += health.gateways(azure(content), "G", "gw1")
    return json.dumps([health.read(azure(content), gateway) for gateway in found])


def _sessions() -> dict[bytes, st.SearchStrategy[bytes]]:
    connection = {
        "VpnConnectionId": "IKE_1", "VpnConnectionDuration": 3600, "VpnConnectionTime": "2021-07-26T21:03:03",
        "PublicIpAddress": "203.0.113.7:54192", "PrivateIpAddress": "172.16.0.2", "UserName": "mac-01",
        "IngressBytesTransferred": 10, "EgressBytesTransferred": 20,
    }  # fmt: skip
    users = [{"UserName": "mac-01", "VpnConnectionHealths": [connection]}]
    place = f"{_PLACE}/p2svpnGateways/gw1/p2sConnectionConfigurations/c"
    entry = {"P2SConnectionConfigurationResourceId": place, "UserNameVpnConnectionHealths": users}
    return {
        content: bytes_of(content)
        for content in (json.dumps([entry]).encode(), b"\n".join([json.dumps(entry).encode()] * 2))
    }


@row(_sessions)
def sessions_of_a_gateway(content: bytes) -> object:
    """Also who is meant by an address, and where a SAS URL leads."""
    with suppress(UserVpnError):
        blob.given(content.decode("utf-8", "replace"), None)
    text = content.decode("utf-8", "replace")
    try:
        found = sessions.parse(content, "gw1")
    except ValueError as error:
        raise UserVpnError(f"The file is not what it should be: {error}.") from None
    addresses = [each.private_address for each in found] or [text]
    is_meant = whose.wanted_sessions(
        whose.NOBODY, clients=[text], thumbprints=[], connection_ids=[text], addresses=addresses
    )
    known = {"client": "mac-01", "revoked": True, "address_pools": ["172.16.0.0/24"]}
    told = {"sessions": [dataclasses.asdict(each) | known for each in found], "addresses": []}
    shown = of_azure.evidence(told, {}, datetime(2026, 11, 22, tzinfo=UTC))
    return json.dumps([shown, *(dataclasses.asdict(each) for each in found if is_meant(each, text))])


def _operations() -> dict[bytes, st.SearchStrategy[bytes]]:
    error = {"code": "A", "message": "See https://a.b/c?sig=x.", "details": [{"code": "B", "message": "More."}]}
    return _answers(
        {"status": "Succeeded", "properties": {"output": {"profileUrl": "https://x.blob.core.windows.net/a?sig=b"}}},
        {"status": "Failed", "error": error},
        {"error": error},
        {"vpnServerConfigurationResourceIds": [f"{_PLACE}/vpnServerConfigurations/c"]},
        {"value": [{"radiusServerAddress": "10.0.0.9", "radiusServerSecret": "s"}]},
        None,
    )


@row(_operations)
def long_running_operation(content: bytes) -> object:
    with suppress(UserVpnError):
        configurations.ids_in_use(azure(content), "G", "wan1")
    with suppress(UserVpnError):
        azure(content).post("read the secrets", "/x", "1")
    str(errors.from_response(Answer(content, "GET"), "do it"))
    return azure(content).run("do it", "x.begin_y", "G", body={"a": 1})


def _sign_ins() -> dict[bytes, st.SearchStrategy[bytes]]:
    said = b"AADSTS7000215: Invalid client secret. Trace ID: 1\r\nHTTPSConnectionPool(host='a.b', port=443): timed out"
    return {said: bytes_of(said)}


@row(_sign_ins)
def error_of_the_sdk(content: bytes) -> object:
    from azure.core import exceptions

    kinds = (exceptions.ClientAuthenticationError, exceptions.ServiceRequestError, exceptions.HttpResponseError)
    return [str(errors.explain(kind(text(content)), "do it")) for kind in (*kinds, ValueError)]


def _downloads() -> dict[bytes, st.SearchStrategy[bytes]]:
    refusal = b"200\nContent-Length: 43\n\n<Error><Code>AuthenticationFailed</Code></Error>"
    return {refusal: bytes_of(refusal)}


@row(_downloads)
def answer_of_blob_storage(content: bytes) -> object:
    answer = Answer(content, "GET")

    class Response(io.BytesIO):
        headers = answer.headers

    class Opener:
        def open(self, _url: str, timeout: float) -> Response:
            return Response(answer.content)

    for status in (302, 403, 404, 503):
        fetch._refusal(urllib.error.HTTPError("https://a.b", status, "no", answer.headers, io.BytesIO(answer.content)))
    url = f"https://{text(answer.content)}"
    with suppress(UserVpnError):
        fetch._host(url)
    with suppress(UserVpnError):
        clouds.find(url, {"AZURE_AUTHORITY_HOST": text(answer.content)})
    try:
        return fetch._get(Opener(), url, azure(b"").wait)  # type: ignore[arg-type]
    except (OSError, fetch.http.client.HTTPException, ValueError) as error:
        return fetch._failure(error)


def _cli() -> dict[bytes, st.SearchStrategy[bytes]]:
    sample = json.dumps({"subscriptions": [{"id": "a"}, {"id": "b", "isDefault": True}]}).encode("utf-8-sig")
    return {sample: json_of(sample.removeprefix(b"\xef\xbb\xbf")) | bytes_of(sample)}


@row(_cli)
def profile_of_the_azure_cli(content: bytes) -> object:
    with folder() as place:
        (place / "azureProfile.json").write_bytes(content)
        found = credentials.settings({"auth_source": "cli"}, {})
        return credentials.subscription(found, {"AZURE_CONFIG_DIR": str(place)})


def _profiles() -> dict[bytes, st.SearchStrategy[bytes]]:
    sample = (
        b"[default]\nsubscription_id=s\n\n[macs]\n; of the fleet\ntenant = t\nclient_id: c\nsecret = a%b\n"
        b"cloud_environment = AzureCloud\n"
    )
    return {sample: bytes_of(sample)}


@row(_profiles)
def profiles_of_azure_azcollection(content: bytes) -> object:
    with folder() as place:
        (place / "credentials").write_bytes(content)
        options = {"profile": "macs", "credential_file": str(place / "credentials")}
        return credentials.choose(credentials.settings(options, {}))


def _bundle() -> dict[bytes, st.SearchStrategy[bytes]]:
    sample = pki().client().public_bytes(Encoding.PEM)
    return {sample: bytes_of(sample)}


@row(_bundle)
def ca_certificates_of_the_environment(content: bytes) -> object:
    with folder() as place:
        (place / "bundle.pem").write_bytes(content)
        tls.check({"REQUESTS_CA_BUNDLE": str(place / "bundle.pem")})
        return "these can be used"


# --- Macs --------------------------------------------------------------------------------------------------------
def _macs() -> dict[bytes, st.SearchStrategy[bytes]]:
    named = base64.b64encode(pki().client().public_bytes(Encoding.DER)).decode()
    request = "".join(f"csr={line}\n" for line in _request().decode().splitlines())
    sample = (
        f"Welcome\nbegin {MARK}\npath=/usr/bin:/bin\nuser=root\nuid=0\nconsole_user=anna\nmacos_version=15.5\n"
        "build=24F74\nserial_number=C02XK1ABJG5J\nenrollment=Enrolled via DEP: No\n"
        "enrollment=MDM enrollment: Yes (User Approved)\n"
        f"profile=_computerlevel\t{'A' * 36}\t2026-11-20 09:14:38 +0000\tunsigned\tExample &amp; Co\t1\tOther\t0\n"
        f"certificate={'AB' * 20}\nidentity={'AB' * 20}\nfingerprint={'AB' * 32}\nnamed={named}\ntrusted=1\nvpnutil=1\n"
        "tunnel=ipsec0\t172.31.250.4\ntunnel=ipsec1\t10.9.8.7\nleftover=anna\nkey=1\nstage=staged\nmessage=a message\n"
        f"disconnect=IKEv2ProviderDisconnectionErrorDomain 3\n{request}end {MARK}\nbye\n"
    ).encode()
    return {sample: bytes_of(sample)}


@row(_macs)
def answer_of_a_mac(content: bytes) -> object:
    state = answer.read_answer(text(content), MARK)
    found = answer.facts(state)
    str((state.release, disconnects.explain(state.disconnect)))
    disconnects.refused(state.disconnect)
    refusals.likely_cause(found["identities"], {"certificates": []}, [])
    wish = keychain.Wish("System", (_identity().certificate,), _identity())
    keychain.change(wish, wish.plan(state), state, "")
    keychain.told(wish, wish.plan(state), state, None)
    pools = tunnel.pools(["172.31.250.0/24"])
    for asked in (tunnel.Wish(), tunnel.Wish(connect=False, via=tunnel.SHORTCUT, shortcut="VPN")):
        known, others = tunnel.counted(found, asked, pools)
        way = tunnel.plan(asked, known)
        tunnel.switch(known, asked, way, identifier=IDENTIFIER, scope="System", others=others, timeout=1)
        tunnel.switched(asked, way, state, pools, 1)
    key.public_key(state, 2048)
    with suppress(UserVpnError):
        csr.public_key(state.csr, "the Mac", 2048)
    return json.dumps(found)


def _told() -> dict[bytes, st.SearchStrategy[bytes]]:
    tunnels = {"connected": True, "interface": "ipsec0", "address": "172.31.250.4"}
    others = [{"interface": "ipsec1", "address": "10.9.8.7"}]
    profile = {"uuid": "A", "connection_names": ["A", "B"], "on_demand": True}
    known = {"tunnel": tunnels | {"others": others}, "profile": profile, "macos_version": "15.5", "privileged": True}
    whole = answer.facts(answer.read_answer(text(next(iter(_macs()))), MARK)) | {"key_on_disk": False}
    samples = [json.dumps(each).encode() for each in (known, whole)]
    return {sample: json_of(sample) for sample in samples}


@row(_told)
def what_a_module_has_told_of_a_mac(content: bytes) -> object:
    """In the option known, where anybody may put anything."""
    with suppress(ValueError):
        given = read_json(content)
        known = tunnel.recalled(given) if isinstance(given, dict) else None
        return known and [_consequences(known), _of_profile(known)]
    return None


def _of_profile(known: dict[str, Any]) -> object:
    key.recalled(known)
    state = answer.recalled(known)
    wanted = installing.Wanted(IDENTIFIER, "System", "VPN", installing.APPROVE, "A")
    return state and installing.told(wanted, installing.INSTALLED, state, None, "", offers=False).result


def _entries() -> dict[bytes, st.SearchStrategy[bytes]]:
    entry = {
        "failed": False, "host": "mac-anna", "path": "mac-anna.mobileconfig", "identifier": IDENTIFIER,
        "scope": "System", "display_name": "VPN", "delivery": "approve", "profile_uuid": "A" * 36, "sha256": "ab" * 32,
        "certificate_sha1": "AB" * 20, "certificates": ["AB" * 32], "gateway_roots": ["AB" * 20], "key_on_mac": False,
    }  # fmt: skip
    sample = json.dumps(entry).encode()
    return {sample: json_of(sample)}


@row(_entries)
def what_mobileconfig_has_told_of_a_mac(content: bytes) -> object:
    """In the option profile, where anybody may put anything."""
    with suppress(ValueError):
        given = read_json(content)
        return dataclasses.asdict(installing.Wanted.of_entry(given, "mac-anna")) if isinstance(given, dict) else None
    return None


def _consequences(known: dict[str, Any]) -> object:
    tunnel.require(known, "User")
    told = []
    for asked in (tunnel.Wish(), tunnel.Wish(connect=False)):
        counted, _others = tunnel.counted(known, asked, tunnel.pools(["172.31.250.0/24"]))
        told += [tunnel.unchanged(asked, counted), tunnel.impossible(asked, counted, tunnel.plan(asked, counted))]
    return told


def _left() -> dict[bytes, st.SearchStrategy[bytes]]:
    told = [conclusion.Standing("mac-01", "current", "", connected=True, address="172.31.250.4", address_pools=["a"])]
    sample = conclusion.document(told, "2026-11-28T02:41:00Z").encode()
    return {sample: json_of(sample)}


@row(_left)
def what_the_last_run_has_left(content: bytes) -> object:
    with suppress(ValueError):
        told, _time = conclusion.read(text(content))
        return [conclusion.lines(told), fleet_report(sample_fleet.told(3), "html", run=text(content))]
    return None


def _pools() -> dict[bytes, st.SearchStrategy[bytes]]:
    sample = b"172.16.0.0/24,2001:db8::/64"
    return {sample: bytes_of(sample)}


@row(_pools)
def address_pools(content: bytes) -> object:
    with suppress(UserVpnError):
        tunnel.Wish(probe=text(content), connection_name=text(content))
    return tunnel.pools(text(content).split(","))


def _seen() -> dict[bytes, st.SearchStrategy[bytes]]:
    sample = (
        f"begin {MARK}\nhide=anna\nhide=C02XK1ABJG5J\n? a point\n$ profiles\n| anna has 10.1.2.3, 20.1.2.3 and a::b\n"
        "| <key>Password</key> | <string>secret</string> https://a.b/c?d a@b.cd /Users/anna/x 0:1:2:3:4:5\n"
        f"| -----BEGIN X-----\n| {'A' * 70}\n| -----END X-----\n| <data>\n| AAAA</data> password: x\n= 0\nend {MARK}\n"
    ).encode()
    return {sample: bytes_of(sample)}


@row(_seen)
def evidence_of_a_mac(content: bytes) -> object:
    report = evidence.report(text(content), MARK, ["anna", "Anna's Mac"])
    return report.encode()


# --- the store ---------------------------------------------------------------------------------------------------
@functools.cache
def _kept() -> bytes:
    """A store in SQLite with a bit of everything."""
    kept = pki_tools.Pki(str(Path(tempfile.mkdtemp()) / "pki.db"), now())
    kept.root()
    kept.issue("mac-01", "mac-02", "mac-03", csrs={"mac-03": _request().decode()})
    kept.seen("mac-01.example.com", kept.certificates("mac-01")[0].sha1, gateway_roots=["AB" * 20])
    gateway = makers.root_entry(pki().gateway_root)
    gateway |= {"sha1": "AB" * 20, "sha256": "AB" * 32, "subject": "CN=G1", "not_after": "2036-11-19T12:00:00Z"}
    settings = {"vpn_server": "wan.x.vpn.azure.com", "digest": "AB" * 32, "gateway_roots": [gateway]}
    remember_package(kept.place, "wan1", settings, kept.now, "the test")
    content = Path(kept.option).read_bytes()
    shutil.rmtree(Path(kept.option).parent)
    return content


# Where text or bytes of a form of their own lie in it: the table, the column, which row, and how that is altered.
INSIDE: list[tuple[str, str, str, Callable[[bytes], st.SearchStrategy[bytes]]]] = [
    ("facts", "value", "value LIKE '{%'", json_of),
    ("certificates", "options", "name = 'mac-01'", json_of),
    ("certificates", "not_after", "name = 'mac-01'", bytes_of),
    ("certificates", "pem", "name = 'mac-01'", pem_of),
    ("certificates", "pem", "kind = 'root'", pem_of),
    ("certificates", "sealed", "name = 'mac-01'", bytes_of),
    ("deliveries", "gateway_roots", "1", bytes_of),
    ("packages", "settings", "1", json_of),
    ("gateway_roots", "pem", "1", pem_of),
]


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file)) as connection:
        yield connection
        connection.commit()


def _stores() -> dict[bytes, st.SearchStrategy[bytes]]:
    found = {b"file\0" + _kept(): bytes_of(_kept()).map(lambda new: b"file\0" + new)}
    with folder() as place:
        (place / "pki.db").write_bytes(_kept())
        with _opened(place / "pki.db") as database:
            for number, (table, column, which, altered) in enumerate(INSIDE):
                ((value,),) = database.execute(f"SELECT {column} FROM {table} WHERE {which} LIMIT 1").fetchall()
                content = value if isinstance(value, bytes) else str(value).encode()
                start = f"{number}\0".encode()
                found[start + content] = altered(content).map(lambda new, start=start: start + new)
    return found


@row(_stores, cost=4)
def store(content: bytes) -> object:
    where, _zero, altered = content.partition(b"\0")
    with folder() as place:
        file = place / "pki.db"
        file.write_bytes(altered if where == b"file" else _kept())
        if where != b"file":
            table, column, which, _strategy = INSIDE[int(where)]
            with _opened(file) as database:
                database.execute(f"DROP TRIGGER IF EXISTS {table}_UPDATE")
                old = database.execute(f"SELECT {column} FROM {table} WHERE {which}").fetchone()[0]
                value = altered if isinstance(old, bytes) else altered.decode(errors="replace")
                database.execute(f"UPDATE {table} SET {column} = ? WHERE {which}", (value,))
        kept = pki_tools.Pki(str(file), now() + timedelta(seconds=1))
        for use in (
            lambda: kept.root(check=True),
            lambda: kept.issue("mac-01", "mac-02", check=True),
            lambda: kept.issue("mac-03", csrs={"mac-03": _request().decode()}, check=True),
            lambda: kept.identity("mac-01"),
            lambda: backup.check(kept.place, pki_tools.PASSPHRASE),
            lambda: [report.export_text(kept.place, suffix) for suffix in (".json", ".csv")],
            lambda: last_package(kept.place, "wan1"),
        ):
            with suppress(UserVpnError):
                use()
        return json.dumps(report.tell(kept.place, now=kept.now, history=True))


def _trusted() -> dict[bytes, st.SearchStrategy[bytes]]:
    data = base64.b64encode(pki().root.public_bytes(Encoding.DER)).decode()
    roots = [{"name": "P2SRootCert", "public_cert_data": data}]
    return {json.dumps(roots).encode(): documents_of(roots).map(lambda document: json.dumps(document).encode())}


@row(_trusted)
def roots_that_azure_trusts(content: bytes) -> object:
    trusted = json.loads(content)
    if not isinstance(trusted, list) or not all(isinstance(root, dict) for root in trusted):
        return None
    return sorted(store_refusals.sha1_of_trusted(trusted))


@row(lambda: {sample: bytes_of(sample) for sample in (b"Sun, 22 Nov 2026 21:00:00 GMT",)})
def date_of_an_answer(content: bytes) -> object:
    clock = client.Clock()
    clock.compare(text(content))
    return json.dumps(clock.skew)


@row(lambda: {sample: bytes_of(sample) for sample in (b'connection to server at "127.0.0.1" failed: FATAL:  no\nx',)})
def what_postgresql_says(content: bytes) -> object:
    place = database.place_of("postgresql://fleet@127.0.0.1/vpn")
    with suppress(UserVpnError), _faults.of_connecting(place):
        raise psycopg.OperationalError(text(content))
    return None


MDM_PROFILE = (
    b"<os_x_configuration_profile><general><id>7</id><name>VPN [com.example.uservpn C02]</name>"
    b"<description>Version A-1, kept by vwan.user_vpn.</description><uuid>B</uuid>"
    b"<payloads>&lt;plist version='1.0'>&lt;dict>&lt;key>PayloadIdentifier&lt;/key>&lt;string>B&lt;/string>"
    b"&lt;/dict>&lt;/plist></payloads></general><scope><all_computers>false</all_computers><computers><computer>"
    b"<id>1</id></computer></computers><computer_groups><computer_group><name>All</name></computer_group>"
    b"</computer_groups></scope></os_x_configuration_profile>"
)
# What Jamf Pro answers, by a piece of the path.
JAMF = {
    "/oauth/": b'{"access_token": "eyJ", "expires_in": 1200}',
    "/auth/": b'{"token": "eyJ", "expires": "2026-11-28T15:00:00.123Z"}',
    "/computers-inventory": b'{"totalCount": 1, "results": [{"id": "1", "udid": "U", "general": {"name": "mac", '
    b'"remoteManagement": {"managed": true}, "lastCheckIn": "2026-11-28T14:00:00Z", "managementId": "M"}, "hardware": '
    b'{"serialNumber": "C02"}, "configurationProfiles": [{"profileIdentifier": "B"}], "groupMemberships": '
    b'[{"groupName": "All"}]}]}',
    "/commands": b'{"totalCount": 1, "results": [{"client": {"managementId": "M"}, "commandState": "ERROR", '
    b'"dateSent": "2026-11-28T14:00:00Z", "commandError": {"errorLocalizedDescription": "no"}}]}',
    "profiles/id/": MDM_PROFILE,
    "profiles": b"<os_x_configuration_profiles><os_x_configuration_profile><id>7</id>"
    b"<name>VPN [com.example.uservpn C02]</name></os_x_configuration_profile></os_x_configuration_profiles>",
    "date": b"Sat, 28 Nov 2026 14:00:00 GMT",
    "retry-after": b"Sat, 28 Nov 2026 14:00:00 GMT",
    "location": b"https://example.invalid/login",
    "error": b'{"errors": [{"description": "no"}]}',
    "page": b"<p>Error: Duplicate name</p>",
    "url": b"https://example.jamfcloud.com/",
}


def _jamf() -> dict[bytes, st.SearchStrategy[bytes]]:
    found = {}
    for place, sample in JAMF.items():
        start = place.encode() + b"\0"
        altered = json_of(sample) | bytes_of(sample) if sample.startswith(b"{") else bytes_of(sample)
        found[start + sample] = altered.map(lambda new, start=start: start + new)
    return found


@row(_jamf)
def answer_of_jamf_pro(content: bytes) -> object:
    place, _zero, altered = content.partition(b"\0")
    answers = JAMF | {place.decode(): altered}
    given = {name: text(answers[name]) for name in ("date", "retry-after", "location")}

    class Response:
        headers = given
        status_code = 200

        def __init__(self, body: bytes) -> None:
            self.body = body

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_error: object) -> None:
            pass

        def iter_content(self, _size: int) -> list[bytes]:
            return [self.body]

    def request(_method: str, url: str, **_content: object) -> Response:
        return Response(next(body for piece, body in answers.items() if piece in url))

    server = http.Http("Jamf Pro", text(answers["url"]), ca_file="", say=str, environment={}, sleep=lambda _s: None)
    server._session = SimpleNamespace(request=request)
    for name in ("error", "page"):
        for status in (302, 404, 409):
            server._refusal(http.Answer(status, given, answers[name]))
    http._retry_after(given)
    target, told = Target("com.example.uservpn", "C02"), []
    for login in ({"client_id": "a", "client_secret": "b"}, {"username": "a", "password": "b"}):
        pro = jamf.Jamf(server, login, lambda _secret: None)
        devices, held = [*pro.devices(["C02"]), *pro.all_devices()], pro.held(target)
        if held:
            comparing.holds(held.document, held.document)
            told += [dataclasses.asdict(report) for report in pro.reports([(d, held) for d in devices]).values()]
        told += [device.name for device in devices]
        pro.close()
    return json.dumps(told)


# What is known of a Mac that NanoMDM serves: what it was commanded, what it has answered, and what NanoMDM answers.
_ORDER = journal.Command(journal.subject("U", "com.example.uservpn"), 1, "6C4A8C7E-6E0F-5B7A-9C43-0C9A0B5C3B11").name
_REFUSED = plistlib.dumps({"ErrorChain": [{"ErrorCode": 1, "ErrorDomain": "A", "LocalizedDescription": "no"}]})
NANOMDM = {
    "record": b'{"udid": "U", "command_uuid": "%s", "state": "queued", "time": "2026-11-28T14:00:00+00:00"}'
    % _ORDER.encode(),
    "results": b'{"topic": "mdm.Connect", "created_at": "2026-11-28T15:00:00.123456789Z", "acknowledge_event": {"ids": '
    b'{"id": "U", "type": "Device"}, "status": "Error", "command_uuid": "%s", "raw_payload": "%s"}}'
    % (_ORDER.encode(), base64.b64encode(_REFUSED)),
    "checkin": b'{"topic": "mdm.Authenticate", "created_at": "2026-11-28T13:00:00Z", '
    b'"checkin_event": {"ids": {"id": "U"}, "raw_payload": ""}}',
    "answer": b'{"status": {"U": {"push_error": "no"}}, "command_uuid": "x", "request_type": "RemoveProfile"}',
}


def _nanomdm() -> dict[bytes, st.SearchStrategy[bytes]]:
    found = {}
    for place, sample in NANOMDM.items():
        start = place.encode() + b"\0"
        altered = json_of(sample) | bytes_of(sample)
        found[start + sample] = altered.map(lambda new, start=start: start + new)
    return found


@row(_nanomdm)
def what_is_known_of_nanomdm(content: bytes) -> object:
    place, _zero, altered = content.partition(b"\0")
    told = NANOMDM | {place.decode(): altered}
    server = http.Http("NanoMDM", "https://mdm.example.com", ca_file="", say=str, environment={})
    server.call = lambda *_what, **_content: http.Answer(200, {}, told["answer"])
    with tempfile.TemporaryDirectory() as folder:
        record, results = Path(folder, "record"), Path(folder, "results")
        record.write_bytes(told["record"])
        results.write_bytes(told["checkin"] + b"\n" + told["results"])
        nano = nanomdm.NanoMdm(server, "key", journal.Journal(record, results))
        (device,) = nano.devices(["U"])
        target = Target("com.example.uservpn", "U")
        held = nano.held(target)
        reports = [dataclasses.asdict(report) for report in nano.reports([(device, held)]).values()] if held else []
        if held:
            nano.assign(held, ())
        nano.close()
    return json.dumps([*reports, device.name, device.last_seen])


# What Fleet answers, by a piece of the path.
FLEET = {
    "/config?": b'{"license": {"tier": "premium"}}',
    "/labels/4/hosts": b'{"hosts": [{"id": 7}]}',
    "/labels?": b'{"labels": [{"id": 4, "name": "vwan.user_vpn [com.example.uservpn C02]", "label_membership_type": '
    b'"manual"}]}',
    "/hosts/7?": b'{"host": {"mdm": {"profiles": [{"profile_uuid": "a1", "status": "failed", "operation_type": '
    b'"install", "detail": "no"}]}}}',
    "/hosts?": b'{"hosts": [{"id": 7, "hardware_serial": "C02", "platform": "darwin", "computer_name": "mac", '
    b'"uuid": "U", "os_version": "macOS 15.5", "team_id": null, "mdm": {"enrollment_status": "On (manual)", '
    b'"connected_to_fleet": true}, "labels": [{"name": "VPN"}], "device_mapping": [{"email": "anna@example.com"}]}]}',
    "alt=media": b"<plist version='1.0'><dict><key>PayloadUUID</key><string>B</string></dict></plist>",
    "/configuration_profiles/a1": b'{"profile_uuid": "a1", "name": "VPN", "updated_at": "2026-11-28T14:00:00Z", '
    b'"labels_include_all": [{"name": "vwan.user_vpn [com.example.uservpn C02]", "id": 4}]}',
    "/configuration_profiles": b'{"profiles": [{"profile_uuid": "a1", "platform": "darwin", "identifier": '
    b'"com.example.uservpn.C02"}]}',
    "error": b'{"message": "Bad request", "errors": [{"name": "base", "reason": "no"}]}',
}


def _fleet() -> dict[bytes, st.SearchStrategy[bytes]]:
    found = {}
    for place, sample in FLEET.items():
        start = place.encode() + b"\0"
        altered = json_of(sample) | bytes_of(sample) if sample.startswith(b"{") else bytes_of(sample)
        found[start + sample] = altered.map(lambda new, start=start: start + new)
    return found


@row(_fleet)
def answer_of_fleet(content: bytes) -> object:
    place, _zero, altered = content.partition(b"\0")
    answers = FLEET | {place.decode(): altered}

    def call(_what: str, _method: str, path: str, params: Any = None, **_content: object) -> http.Answer:
        asked = f"{path}?{'alt=media' * ('alt' in (params or ()))}"
        return http.Answer(200, {}, next((body for piece, body in answers.items() if piece in asked), b"{}"))

    server = http.Http("Fleet", "https://fleet.example.com", ca_file="", say=str, environment={})
    server._refusal(http.Answer(400, {}, answers["error"]))
    server.call = call
    asked, target = fleet.Fleet(server, "token", 0), Target("com.example.uservpn", "C02")
    devices = [*asked.devices(["C02"]), *asked.all_devices()]
    told = [(device.name, device.groups, asked.obstacle(device, target)) for device in devices]
    held = asked.held(target)
    if held:
        comparing.holds(held.document, held.document)
        reports = [asked.reports([(device, held) for device in devices[:1] * times]) for times in (1, 11)]
        return json.dumps([told, [dataclasses.asdict(each) for found in reports for each in found.values()]])
    return json.dumps(told)


# What Microsoft Graph answers, by a piece of the path.
GRAPH = {
    "/managedDevices": b'{"value": [{"id": "M", "serialNumber": "C02", "azureADDeviceId": "E", "deviceName": "mac", '
    b'"osVersion": "15.5", "lastSyncDateTime": "2026-11-28T14:00:00.1234567Z", "operatingSystem": "macOS", '
    b'"managementAgent": "mdm"}], "@odata.nextLink": "https://graph.microsoft.com/v1.0/last"}',
    "/last": b'{"value": []}',
    "/groups/02bd9fd6-8f93-4758-87c3-1fb73740a315?": b'{"displayName": "VPN"}',
    "/transitiveMembers": b'{"value": [{"@odata.type": "#microsoft.graph.device", "id": "D", "deviceId": "E"}]}',
    "/deviceStatuses": b'{"value": [{"id": "U_P_M", "status": "error", "lastReportedDateTime": '
    b'"2026-11-28T15:00:00.1234567Z"}]}',
    "/assignments": b'{"value": [{"id": "A", "target": {"@odata.type": "#microsoft.graph.groupAssignmentTarget", '
    b'"groupId": "02bd9fd6-8f93-4758-87c3-1fb73740a315"}}]}',
    "/deviceConfigurations/": b'{"id": "P", "displayName": "VPN [com.example.uservpn C02]", "deploymentChannel": '
    b'"deviceChannel", "lastModifiedDateTime": "2026-11-28T14:00:00Z", "payload": "PHBsaXN0IHZlcnNpb249JzEuMCc+PGRpY3Q+'
    b'PGtleT5QYXlsb2FkVVVJRDwva2V5PjxzdHJpbmc+Qjwvc3RyaW5nPjwvZGljdD48L3BsaXN0Pg=="}',
    "/deviceConfigurations": b'{"value": [{"@odata.type": "#microsoft.graph.macOSCustomConfiguration", "id": "P", '
    b'"displayName": "VPN [com.example.uservpn C02]"}]}',
    "error": b'{"error": {"code": "BadRequest", "message": "{\\"Message\\": \\"no - Operation ID\\"}"}}',
}


def _graph() -> dict[bytes, st.SearchStrategy[bytes]]:
    found = {}
    for place, sample in GRAPH.items():
        start = place.encode() + b"\0"
        altered = json_of(sample) | bytes_of(sample)
        found[start + sample] = altered.map(lambda new, start=start: start + new)
    return found


@row(_graph)
def answer_of_microsoft_graph(content: bytes) -> object:
    place, _zero, altered = content.partition(b"\0")
    answers = GRAPH | {place.decode(): altered}

    def call(_what: str, _method: str, path: str, **_content: object) -> http.Answer:
        return http.Answer(200, {}, next(body for piece, body in answers.items() if piece in f"{path}?"))

    server = http.Http("Intune", "https://graph.microsoft.com", ca_file="", say=str, environment={})
    server._refusal(http.Answer(400, {}, answers["error"]))
    server.call = call
    sign_in = SimpleNamespace(token=lambda _url, anew=False: "eyJ")
    group = "02bd9fd6-8f93-4758-87c3-1fb73740a315"
    graph, target = intune.Intune(server, sign_in, [group], lambda _secret: None), Target("com.example.uservpn", "C02")
    devices = [*graph.devices(["C02"]), *graph.all_devices()]
    told = [(device.name, graph.obstacle(device, target)) for device in devices]
    held = graph.held(target)
    if held:
        comparing.holds(held.document, held.document)
        reports = graph.reports([(device, held) for device in devices])
        return json.dumps([told, [dataclasses.asdict(report) for report in reports.values()]])
    return json.dumps(told)
