# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What macOS makes of profiles, per release."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lab_samples as samples
import pytest

from ansible_collections.vwan.user_vpn.tests.lab import Mac, ingestion

NewMac = Callable[..., Mac]
Change = Callable[[dict[str, Any]], Any]
ALL = ("11.7", "12.7", "13.6", "14.4", "15.5", "26.1", "27.0")


@pytest.fixture
def mac(new_mac: NewMac) -> Mac:
    """A Mac with macOS 15.5 whose person leaves everything to the test."""
    return new_mac(person="ignores")


def install(mac: Mac, content: dict[str, Any] | bytes) -> str:
    """Open and approve; return what macOS says, '' for success."""
    mac.ingestion_errors.clear()
    mac.download(content if isinstance(content, bytes) else samples.packed(content), "anna")
    mac.approve()
    return mac.ingestion_errors[-1] if mac.ingestion_errors else ""


def put(path: str, value: Any) -> Change:
    """A change of the IKEv2 dictionary; None removes."""

    def change(content: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        found = samples.ikev2(content)
        for parent in parents:
            found = found[parent]
        if value is None:
            del found[last]
        else:
            found[last] = value

    return change


def identity(**changes: Any) -> Change:
    """A change of the PKCS#12 payload."""
    return lambda content: content["PayloadContent"][1].update(changes)


def test_a_good_profile_goes_into_every_release(new_mac: NewMac) -> None:
    for release in ALL:
        mac = new_mac(macos=release, person="ignores")
        assert install(mac, samples.profile()) == ""
        assert [item["has_key"] for item in mac.keychain("system")] == [False, True]
        assert mac.refusals == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: c.pop("PayloadIdentifier"), "PayloadIdentifier is missing"),
        (lambda c: c.update(PayloadType="Other"), "may not be 'Other'"),
        (lambda c: c.update(PayloadVersion="1"), "not of type integer"),
        (lambda c: c.update(PayloadScope="Computer"), "may not be"),
        (lambda c: c["PayloadContent"][0].pop("PayloadUUID"), "PayloadUUID is missing"),
        (lambda c: c["PayloadContent"][0].update(PayloadUUID=c["PayloadUUID"]), "not unique"),
        (lambda c: c["PayloadContent"][0].update(PayloadType="com.apple.dock"), "knows no payload"),
        (lambda c: c["PayloadContent"][0].update(PayloadContent=b"junk"), "no certificate"),
        (lambda c: c["PayloadContent"][2].update(VPNType="AlwaysOn"), "AlwaysOn"),
        (lambda c: c["PayloadContent"][2].update(DNS={"SearchDomains": ["x"]}), "DNSProtocol is missing"),
        (put("RemoteAddress", None), "RemoteAddress is missing"),
        (put("MTU", 1500), "out of range"),
        (put("EnablePFS", 2), "not of type flag"),
        (put("PayloadCertificateUUID", "00000000-0000-0000-0000-000000000000"), "names no identity"),
        (put("PayloadCertificateUUID", None), "without PayloadCertificateUUID"),
        (put("IKESecurityAssociationParameters.DiffieHellmanGroup", 24), "may not be 24"),
        (put("ChildSecurityAssociationParameters.EncryptionAlgorithm", "AES-192"), "may not be"),
        (put("IKESecurityAssociationParameters.LifeTimeInMinutes", 5), "out of range"),
        (identity(Password="wrong"), "wrong password"),
        (identity(Password=""), "empty"),
        (identity(PayloadContent=b"junk"), "not PKCS#12"),
        (identity(PayloadContent=samples.identity(modern=True)), "wrong password"),
    ],
)
def test_what_is_wrong_does_not_go_in(mac: Mac, change: Change, reason: str) -> None:
    content = samples.profile()
    change(content)
    assert reason in install(mac, content)
    assert mac.installed_profiles() == mac.keychain("system") == []


def test_no_plist_never_becomes_pending(mac: Mac) -> None:
    mac.download(b"PK\x03\x04", "anna")
    assert mac.pending_profile() is None and "neither" in mac.ingestion_errors[0]


def test_unknown_keys_are_put_on_record(mac: Mac) -> None:
    content = samples.profile(Surprise=1)
    samples.ikev2(content)["IncludedRoutes"] = []
    assert install(mac, content) == ""
    assert {argv[2] for argv, _unused in mac.refusals} == {"Surprise", "IncludedRoutes"}


@pytest.mark.parametrize("release", ALL)
def test_releases_differ_in_algorithms_and_scope(new_mac: NewMac, release: str) -> None:
    mac = new_mac(macos=release, person="ignores")
    number = mac.release.number
    weak = samples.profile()
    samples.ikev2(weak)["IKESecurityAssociationParameters"]["DiffieHellmanGroup"] = 2
    assert bool(install(mac, weak)) == (number >= (26, 0))
    strict = samples.profile()
    samples.ikev2(strict)["EnforceStrictAlgorithmSelection"] = 1
    assert install(mac, strict) == ""
    samples.ikev2(strict)["IKESecurityAssociationParameters"]["EncryptionAlgorithm"] = "AES-128"
    assert bool(install(mac, strict)) == (number >= (15, 5))
    no_scope = samples.profile()
    del no_scope["PayloadScope"]
    assert ("PayloadScope" in install(mac, no_scope)) == (number >= (26, 1))


def test_scope_decides_where_things_go(mac: Mac) -> None:
    assert install(mac, samples.profile(PayloadScope="User")) == ""
    assert mac.keychain("system") == [] and len(mac.keychain("anna")) == 2
    assert [found["user"] for found in mac.installed_profiles()] == ["anna"]
    mac.push_profile(samples.packed(samples.profile()))
    assert [(found["user"], found["source"]) for found in mac.installed_profiles()] == [
        ("anna", "manual"),
        (None, "mdm"),
    ]
    assert mac.remove_profile(samples.IDENTIFIER) and not mac.remove_profile(samples.IDENTIFIER)
    assert mac.keychain("anna") == mac.keychain("system") == []


def test_the_same_identifier_replaces(mac: Mac) -> None:
    install(mac, samples.profile("mac-anna"))
    first = mac.installed_profiles()[0]["installed_at"]
    assert install(mac, samples.profile("mac-ben")) == ""
    assert [item["common_name"] for item in mac.keychain("system") if item["has_key"]] == ["mac-ben"]
    assert len(mac.installed_profiles()) == 1 and mac.installed_profiles()[0]["installed_at"] >= first


def test_same_names_and_uuids_keep_the_old_identity(mac: Mac) -> None:
    install(mac, samples.profile())
    renewed = samples.profile()
    renewed["PayloadContent"][1]["PayloadContent"] = samples.identity("mac-ben")
    install(mac, renewed)
    assert [item["common_name"] for item in mac.keychain("system") if item["has_key"]] == ["mac-anna"]
    assert mac.ingestion_notes


def test_signed_profiles(mac: Mac, tmp_path: Path) -> None:
    raw = samples.signed(samples.packed(samples.profile()), tmp_path)
    assert install(mac, raw) == ""
    assert mac.installed_profiles()[0]["verification"] == "unsigned"
    assert install(mac, raw) == ""  # now the first one has brought the signer's root
    assert mac.installed_profiles()[0]["verification"] == "verified"
    broken = raw.replace(b"gateway.example.com", b"gateway.example.org", 1)
    assert "message digest" in install(mac, broken)


def test_the_openssl_command_agrees_about_pkcs12_forms(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(
        samples.key(1).private_bytes(
            samples.serialization.Encoding.PEM,
            samples.serialization.PrivateFormat.PKCS8,
            samples.serialization.NoEncryption(),
        )
    )
    found = samples.certificate("mac-anna")
    (tmp_path / "cert.pem").write_bytes(found.public_bytes(samples.serialization.Encoding.PEM))
    command = [
        "openssl",
        "pkcs12",
        "-export",
        "-inkey",
        "key.pem",
        "-in",
        "cert.pem",
        "-passout",
        "pass:abc",
        "-out",
        "p12",
    ]
    legacy = ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"]
    subprocess.run([*command, *legacy], cwd=tmp_path, check=True, capture_output=True)
    facts = ingestion.pkcs12_facts((tmp_path / "p12").read_bytes())
    assert (facts.modern, facts.mac, facts.pbes2) == ("", "sha1", ())
    assert ingestion.open_pkcs12((tmp_path / "p12").read_bytes(), "abc")[0].der == samples.der(found)
    subprocess.run([*command, "-macalg", "sha256"], cwd=tmp_path, check=True, capture_output=True)
    assert "sha256" in ingestion.pkcs12_facts((tmp_path / "p12").read_bytes()).modern
