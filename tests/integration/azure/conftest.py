# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our actions, the installed Azure SDK, real TLS, and the lab's Azure. Nothing of the SDK is patched."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure import operations
from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.configurations import GOOD_POLICY
from ansible_collections.vwan.user_vpn.tests.integration.azure.runs import Run
from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab, certificates

pytest.importorskip(
    "azure.mgmt.network", reason="the Azure SDK is missing: make installs it, with requirements/test.txt"
)
pytest.importorskip("azure.identity", reason="azure-identity is not installed in this environment")


@pytest.fixture
def azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureLab]:
    """One WAN, one hub, one gateway, one configuration that suits Macs; the environment logs in to it."""
    for name in [name for name in os.environ if name.startswith("AZURE_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    with AzureLab(tmp_path / "azure") as lab:
        lab.add_virtual_wan("wan1")
        lab.add_hub("hub1", "wan1")
        for name, value in lab.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path / "no-azure-cli"))
        yield lab


@pytest.fixture(scope="session")
def gateway_root() -> x509.Certificate:
    """The root of the gateways' certificates, made once."""
    return certificates.authority("Lab Gateway Root").certificate


@pytest.fixture
def macs(azure: AzureLab, gateway_root: x509.Certificate) -> Any:
    """The configuration `macs`, with a gateway in the hub."""
    configuration = azure.add_server_configuration("macs", ipsec_policy=dict(GOOD_POLICY))
    azure.add_p2s_gateway("gw1", "hub1", "macs", roots=[gateway_root])
    return configuration


@pytest.fixture
def run(
    tmp_path: Path, azure: AzureLab, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    """Runs actions. Afterwards no secret may stand in what they returned, said, logged or wrote."""
    monkeypatch.setattr(operations, "POLL_SECONDS", 0.05)
    caplog.set_level(logging.DEBUG)
    runner = Run(tmp_path)
    yield runner
    assert azure.leaks == []
    logs = "\n".join(record.getMessage() for record in caplog.get_records("call"))
    texts = {"results": json.dumps(runner.results, default=str), "lines": "\n".join(runner.said), "logs": logs}
    for place, text in texts.items():
        found = [secret for secret in azure.secrets if secret in text]
        assert not found, f"{len(found)} secrets in {place}"
    for path in tmp_path.rglob("*"):
        if path.is_file() and "azure" not in path.relative_to(tmp_path).parts[0]:
            content = path.read_bytes()
            assert not any(secret.encode() in content for secret in azure.secrets), path


@pytest.fixture(scope="session")
def keys() -> Callable[[int], rsa.RSAPrivateKey]:
    """One RSA key per size."""
    made: dict[int, rsa.RSAPrivateKey] = {}

    def key(size: int = 2048) -> rsa.RSAPrivateKey:
        if size not in made:
            made[size] = rsa.generate_private_key(65537, size)
        return made[size]

    return key


@pytest.fixture(scope="session")
def make_root(keys: Callable[[int], rsa.RSAPrivateKey]) -> Callable[..., bytes]:
    """A root in PEM. `days` below zero: expired."""

    def make(name: str = "P2SRootCert", *, days: int = 365, size: int = 2048, ca: bool = True) -> bytes:
        key = keys(size)
        now = datetime.now(UTC)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1000))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )

    return make
