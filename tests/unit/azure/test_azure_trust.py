# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for roots and thumbprints, without Azure."""

from __future__ import annotations

import base64
import copy
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure import changes, configurations, trust
from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.roots import from_azure
from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509.certificates import Certificate, read_one
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509.checks import check_root

NOW = datetime.now(UTC)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65537, 2048)


def certificate(
    name: str = "root",
    *,
    key: Any = None,
    days: int = 365,
    start: int = 1000,
    ca: bool | None = True,
    issuer: str | None = None,
    signs: bool | None = None,
) -> bytes:
    key = key or RSA_KEY
    builder = (
        x509.CertificateBuilder()
        .subject_name(common_name(name))
        .issuer_name(common_name(issuer or name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=start))
        .not_valid_after(NOW + timedelta(days=days))
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if signs is not None:
        usage = dict.fromkeys(
            ["content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign"], False
        )
        only = {"encipher_only": False, "decipher_only": False}
        builder = builder.add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=signs, **usage, **only), critical=True
        )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def known(pem: bytes) -> Certificate:
    return read_one(pem, "here")


def item(pem: bytes, name: str) -> dict[str, str]:
    return {"name": name, "publicCertData": known(pem).public_cert_data}


def broken(pem: bytes, name: str) -> dict[str, str]:
    return {"name": name, "publicCertData": base64.b64encode(pem).decode()}


def resource(roots: Any = (), revoked: Any = (), **properties: Any) -> dict[str, Any]:
    return {
        "id": "/subscriptions/S/resourceGroups/G/providers/Microsoft.Network/vpnServerConfigurations/macs",
        "name": "macs",
        "etag": "e",
        "properties": {
            "vpnClientRootCertificates": list(roots),
            "vpnClientRevokedCertificates": list(revoked),
            "vpnAuthenticationTypes": ["Certificate"],
            **properties,
        },
    }


def trusting(pem: bytes, name: str = "") -> trust.RootWish:
    return trust.RootWish(known(pem).sha1, known(pem), name)


# --- certificates ------------------------------------------------------------------------------------------------


def test_openssl_reads_what_we_would_upload(tmp_path: Path) -> None:
    data = known(certificate("a root", key=RSA_KEY)).public_cert_data
    assert data.startswith("MII") and "\n" not in data
    shown = subprocess.run(
        ["openssl", "x509", "-inform", "DER", "-noout", "-subject", "-fingerprint", "-sha1"],
        input=base64.b64decode(data),
        capture_output=True,
        check=True,
    ).stdout.decode()
    assert "a root" in shown
    assert known(base64.b64decode(data)).sha1 in shown.replace(":", "")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (certificate(ca=False), "not a CA"),
        (certificate(signs=False), "does not allow signing"),
        (certificate(days=-1), "expired on"),
        (certificate(days=900, start=-10), "not valid before"),
        (certificate(key=rsa.generate_private_key(65537, 1024)), "1024 bits"),
        (certificate(key=EC_KEY), "RSA certificates only"),
        (certificate().replace(b"A", b"B", 1), "is damaged"),
        (certificate() + certificate(), "holds 2 certificates"),
        (b"", "holds nothing"),
        (b"\x30\x82\x01", "no certificate"),
    ],
)
def test_refused_roots(made: bytes, expected: str) -> None:
    with pytest.raises(UserVpnError, match=expected):
        check_root(known(made), "here", NOW)


def test_a_damaged_signature_is_noticed() -> None:
    der = bytearray(known(certificate(key=RSA_KEY)).der)
    der[-1] ^= 1
    with pytest.raises(UserVpnError, match="damaged"):
        check_root(known(bytes(der)), "here", NOW)


def test_doubts_are_warnings() -> None:
    assert check_root(known(certificate(key=RSA_KEY, signs=True)), "here", NOW) == ()
    assert check_root(known(certificate(key=RSA_KEY, signs=True, ca=None)), "here", NOW) == ()
    assert "intermediate" in check_root(known(certificate(key=RSA_KEY, issuer="top")), "here", NOW)[0]


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_what_azure_holds_is_never_an_error(content: bytes) -> None:
    for data in (content.decode("latin-1"), base64.b64encode(content).decode(), None, content, "\ud800"):
        stored = from_azure({"name": "x", "publicCertData": data})
        assert stored.status(NOW) in ("unreadable", "ok", "broken", "expired")
    assert from_azure(None).status(NOW) == "unreadable"


# --- plans -------------------------------------------------------------------------------------------------------


def test_nothing_asked_nothing_changed() -> None:
    before = resource([item(certificate(), "a")], [{"name": "x", "thumbprint": "ab" * 20}])
    plan = changes.make_plan(copy.deepcopy(before), trust.Wish(), NOW)
    assert (plan.changes, plan.resource) == ((), before)


ROOTS = [certificate(f"r{number}") for number in range(4)]
WISHES = st.builds(
    trust.Wish,
    roots=st.lists(st.sampled_from(ROOTS), unique=True).map(lambda pems: tuple(map(trusting, pems))),
    revoked=st.lists(st.sampled_from("ABCD"), unique=True).map(
        lambda found: tuple(trust.RevokedWish(sign * 40, "mac", sign != "D") for sign in found)
    ),
    purge_roots=st.booleans(),
    purge_revoked=st.booleans(),
    remove_expired=st.booleans(),
    repair_broken=st.booleans(),
)
STATES = st.builds(
    resource,
    st.lists(
        st.sampled_from(
            [
                item(ROOTS[0], "one"),
                item(ROOTS[1], "two"),
                broken(ROOTS[2], "three"),
                {"name": "junk", "publicCertData": "?"},
            ]
        ),
        unique_by=lambda entry: entry["name"],
    ),
    st.lists(
        st.sampled_from([{"name": "p", "thumbprint": "A" * 40}, {"name": "q", "thumbprint": "d" * 40}]),
        unique_by=lambda entry: entry["name"],
    ),
    future=st.just({"kept": [1]}),
)


@settings(max_examples=60, deadline=None)
@given(STATES, WISHES)
def test_a_fulfilled_wish_changes_nothing_more_and_nothing_else(state: dict[str, Any], wish: trust.Wish) -> None:
    before = copy.deepcopy(state)
    try:
        plan = changes.make_plan(state, wish, NOW)
    except UserVpnError:
        return
    assert state == before, "the plan is a copy"
    again = changes.make_plan(plan.resource, wish, NOW)
    assert (again.changes, again.resource) == ((), plan.resource)
    assert plan.resource["properties"]["future"] == {"kept": [1]}
    roots = plan.resource["properties"]["vpnClientRootCertificates"]
    there = {stored.certificate.sha1: stored for stored in map(from_azure, roots) if stored.certificate}
    for root in wish.roots:
        assert not there[root.sha1].broken
    entries = plan.resource["properties"]["vpnClientRevokedCertificates"]
    thumbprints = {entry["thumbprint"].upper() for entry in entries}
    assert thumbprints >= {entry.thumbprint for entry in wish.revoked if entry.present}
    assert not thumbprints & {entry.thumbprint for entry in wish.revoked if not entry.present}
    for found in (roots, entries):
        names = [entry["name"].lower() for entry in found]
        assert len(names) == len(set(names))


def test_names_that_azure_can_keep() -> None:
    plan = changes.make_plan(resource(), trust.Wish(roots=(trusting(certificate("Ünser Root, 2026/7")),)), NOW)
    (root,) = plan.resource["properties"]["vpnClientRootCertificates"]
    assert root["name"].startswith("nser-Root-2026-7-")


def test_properties_may_be_missing_or_null() -> None:
    for bare in ({"name": "x"}, {"name": "x", "properties": {"vpnClientRootCertificates": None}}):
        plan = changes.make_plan(bare, trust.Wish(roots=(trusting(ROOTS[0]),)), NOW)
        assert len(plan.resource["properties"]["vpnClientRootCertificates"]) == 1


def test_a_configuration_without_certificate_authentication_is_a_warning() -> None:
    plan = changes.make_plan(resource(vpnAuthenticationTypes=["AAD"]), trust.Wish(), NOW)
    assert "add Azure certificate" in plan.warnings[0].replace("\n", " ")


def test_the_last_root_stays_where_clients_may_need_it() -> None:
    for types in (["Certificate"], ["AAD", "Certificate"], [], None):
        with pytest.raises(UserVpnError, match="trust no root any more"):
            changes.make_plan(
                resource([item(ROOTS[0], "a")], vpnAuthenticationTypes=types), trust.Wish(purge_roots=True), NOW
            )
    plan = changes.make_plan(
        resource([item(ROOTS[0], "a")], vpnAuthenticationTypes=["AAD"]), trust.Wish(purge_roots=True), NOW
    )
    assert len(plan.changes) == 1


def test_the_diff_is_readable() -> None:
    text = changes.describe(
        resource([item(ROOTS[0], "one"), broken(ROOTS[1], "two")], [{"thumbprint": "ab" * 20}]), NOW
    )
    assert text.count("\n") == 7
    assert "\nIPsec policy: Azure's default\n" in text and text.startswith("location: None\ntunnel types: all\n")
    assert "two: CN=r1" in text and "broken" in text and "AB" * 20 in text


# --- policies ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([], "default IPsec policy"),
        ([{**configurations.GOOD_POLICY, "dhGroup": "DHGroup24"}], "DHGroup24 or PFS24"),
        ([{**configurations.GOOD_POLICY, "pfsGroup": "PFS24"}], "DHGroup24 or PFS24"),
        ([{**configurations.GOOD_POLICY, "pfsGroup": "PFS24"}, configurations.GOOD_POLICY], ""),
        ([configurations.GOOD_POLICY], ""),
    ],
)
def test_policy_advice(policies: list[Any], expected: str) -> None:
    found = resource(vpnClientIpsecPolicies=policies)
    advice = configurations.assess(found)[1]
    assert expected in " ".join(advice) and bool(advice) == bool(expected)
    chosen = configurations.summary(found, [], NOW)["ipsec_policy"]
    assert chosen == (configurations.GOOD_POLICY if not expected else (policies or [None])[0])
