# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our tables, and every key that we write, against what Apple has published."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig import schema
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.profile import Profile
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.schema import Key
from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.apple_schema import APPLE

KINDS = {
    str: "string", int: "integer", bool: "boolean", float: "real", bytes: "data", list: "array", dict: "dictionary",
    datetime: "date",
}  # fmt: skip
TABLES = {
    "TopLevel": schema.TOP,
    "CommonPayloadKeys": schema.COMMON,
    "com.apple.security.root": schema.CA_CERTIFICATE,
    "com.apple.security.pkcs1": schema.CA_CERTIFICATE,
    "com.apple.security.pkcs12": schema.IDENTITY,
    "com.apple.security.scep": schema.SCEP,
    "com.apple.vpn.managed": schema.VPN,
}
# Of Apple's keys those that our tables leave out, and why.
LEFT_OUT = {
    "IsEncrypted": "profiles of ours are not encrypted",
    "EncryptedPayloadContent": "the same",
    "HasRemovalPasscode": "needs a payload of its own",
    "IKEv2.Password": "for AuthenticationMethod Password",
    "IKEv2.ProviderBundleIdentifier": "for another maker's client",
    "IKEv2.ProviderDesignatedRequirement": "the same",
    "IKEv2.ProviderType": "the same",
    "DNS.PayloadCertificateUUID": "no option names a second identity",
}
# Where we ask for more than Apple does.
STRICTER = {
    "com.apple.security.pkcs12 Password",
    "com.apple.security.scep PayloadContent.Keysize",
    "com.apple.vpn.managed IKEv2",
}
# Where we take less.
FEWER = ("VPNType", "IKEv2.OnDemandRules[].Action", "PayloadContent.Keysize")


def walked(table: Mapping[str, Key], path: str = "") -> Iterator[tuple[str, Key]]:
    for name, key in table.items():
        yield path + name, key
        yield from walked(key.keys or {}, f"{path}{name}.")
        if key.items:
            yield f"{path}{name}[]", key.items
            yield from walked(key.items.keys or {}, f"{path}{name}[].")


OURS = [
    (payload, path, key)
    for payload, table in TABLES.items()
    for path, key in walked(table)
    if payload in ("TopLevel", "CommonPayloadKeys") or path not in schema.COMMON
]


@pytest.mark.parametrize(("payload", "path", "key"), OURS, ids=[f"{payload}:{path}" for payload, path, _key in OURS])
def test_a_key_of_ours_is_as_apple_has_it(payload: str, path: str, key: Key) -> None:
    apple = APPLE[payload, path]
    assert KINDS[key.kind] == apple.kind
    if f"{payload} {path}" not in STRICTER:
        assert key.required == apple.required
    assert key.since in (apple.since, "" if not apple.since or float(apple.since) < 11 else apple.since)
    values = {*map(str, key.values), *map(str, key.gone)}
    if apple.values and path not in FEWER:
        assert values == set(apple.values) or (key.low, key.high) == (int(apple.values[0]), int(apple.values[-1]))
    elif apple.values:
        assert values <= set(apple.values)
    if apple.high is not None:
        assert (key.low, key.high) == (apple.low, apple.high)


@pytest.mark.parametrize("payload", TABLES)
def test_no_key_of_apples_is_forgotten(payload: str) -> None:
    ours = {path for path, _key in walked(TABLES[payload])}
    assert {path for of, path in APPLE if of == payload} - ours <= LEFT_OUT.keys()


# -- what we write ---------------------------------------------------------------------------------------------------


def elements(element: ET.Element, path: str = "") -> Iterator[tuple[str, str]]:
    """Path and type of each value, out of the XML itself: plistlib reads true and 1 as nearly the same."""
    name = {"true": "boolean", "false": "boolean", "dict": "dictionary"}.get(element.tag, element.tag)
    yield path, name
    prefix = f"{path}." if path else ""
    if element.tag == "dict":
        for key, value in zip(element[::2], element[1::2], strict=True):
            yield from elements(value, f"{prefix}{key.text}")
    if element.tag == "array":
        for value in element:
            yield from elements(value, f"{path}[]")


EVERYTHING: dict[str, Any] = {
    "display_name": "Example VPN",
    "organization": "Example",
    "description": "How to reach us",
    "removal_disallowed": True,
    "authentication": "eap_tls",
    "server_certificate_common_name": "gw.example.com",
    "server_certificate_issuer_common_name": "Example CA",
    "routing": "full",
    "enforce_routes": True,
    "exclude_local_networks": True,
    "on_demand": {
        "connect": "domains",
        "domains": ["corp.example.com"],
        "excluded_domains": ["www.corp.example.com"],
        "required_dns_servers": ["10.0.0.4"],
        "required_url_probe": "https://probe.example.com",
        "interfaces": ["ethernet"],
        "ssids": ["Cafe"],
        "url_probe": "https://probe.example.com",
        "trusted_ssids": ["Office"],
        "trusted_domains": ["office.example.com"],
        "trusted_dns_servers": ["10.1.*"],
    },
    "dns": {
        "protocol": "HTTPS",
        "server_url": "https://dns.example.com/dns-query",
        "servers": ["10.0.0.4"],
        "search_domains": ["corp.example.com"],
        "match_domains": ["corp.example.com"],
        "match_domains_only": True,
        "domain_name": "corp.example.com",
    },
    "proxies": {
        "ProxyAutoConfigEnable": True,
        "ProxyAutoConfigURLString": "https://pac.example.com/proxy.pac",
        "ProxyAutoDiscoveryEnable": False,
        "HTTPEnable": True,
        "HTTPProxy": "proxy.example.com",
        "HTTPPort": "3128",
        "HTTPSEnable": 1,
        "HTTPSProxy": "proxy.example.com",
        "HTTPSPort": 3128,
        "SupplementalMatchDomains": ["corp.example.com"],
    },
    # As people write flags and numbers, and as templates give them.
    "ikev2": {
        **{name: True for name, key in schema.IKEV2.items() if key.values == (0, 1)},
        "MTU": "1300",
        "DisconnectOnIdleTimer": 600,
        "NATKeepAliveInterval": "60",
        "TLSMaximumVersion": "1.3",
        "CertificateType": "RSA",
    },
}
TAKEN = {
    "ExtendedAuthEnabled", "OnDemandEnabled", "EnablePFS", "IncludeAllNetworks", "ExcludeLocalNetworks",
    "EnforceRoutes", "PPKMandatory", "EnforceStrictAlgorithmSelection",
}  # fmt: skip


def test_every_value_that_we_write_has_apples_type(render: Callable[..., Profile]) -> None:
    wishes = EVERYTHING | {"ikev2": {name: v for name, v in EVERYTHING["ikev2"].items() if name not in TAKEN}}
    content = render(**wishes).content
    (whole,) = ET.fromstring(content)
    written = 0
    for path, kind in elements(whole):
        if path and not path.startswith("PayloadContent"):
            assert kind == APPLE["TopLevel", path].kind, path
    (payloads,) = [value for key, value in zip(whole[::2], whole[1::2], strict=True) if key.text == "PayloadContent"]
    for payload in payloads:
        keys = {key.text: value for key, value in zip(payload[::2], payload[1::2], strict=True)}
        of = str(keys["PayloadType"].text)
        for path, kind in elements(payload):
            if path:
                apple = APPLE.get((of, path)) or APPLE["CommonPayloadKeys", path]
                assert kind == apple.kind, (of, path)
                written += of == "com.apple.vpn.managed"
    assert written > 70
