# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every reader of certificates meets one that claims a version that X.509 does not have: cryptography has an error of
its own for it, which is no ValueError."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure import certificates as azure
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig import certificates as mobileconfig
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig import identity, signing
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import certificates as pki

READERS: dict[str, Callable[[bytes, bytes], Any]] = {
    "client root, PEM": lambda der, pem: pki.load_certificates(pem, "here"),
    "client root, DER": lambda der, pem: pki.load_certificates(der, "here"),
    "trusted root": lambda der, pem: azure.from_user(pem, "here"),
    "payload, PEM": lambda der, pem: mobileconfig.from_pem(pem, "here"),
    "certificate of an identity": lambda der, pem: identity.load_certificate(pem, "here"),
    "signer": lambda der, pem: signing.load_signer(pem, b"", None),
}


@pytest.fixture(scope="module")
def der() -> bytes:
    made = "openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj /CN=root -outform DER"
    good = subprocess.run(made.split(), capture_output=True, check=True).stdout
    bad = good.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09", 1)
    assert bad != good
    return bad


@pytest.mark.parametrize("reader", READERS)
def test_a_version_that_does_not_exist(reader: str, der: bytes) -> None:
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"
    with pytest.raises(Exception, match=r"certificate") as caught:
        READERS[reader](der, pem)
    assert "ansible_collections" in type(caught.value).__module__
    assert "\n" not in str(caught.value)


def test_what_only_looks(der: bytes) -> None:
    assert mobileconfig.from_der(der) is None
    assert not azure.from_azure({"name": "x", "publicCertData": base64.b64encode(der).decode()}).certificate
