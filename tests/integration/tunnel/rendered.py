# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles as a user of the collection gets them: its own PKI, its own reader of packages, its own renderer.

Each step is the action of the module, run as a task runs it. tunnel_profiles.py is the other builder: for profiles that
are wrong on purpose, which this one would refuse to render.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.current import public_of
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.database import place_of
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_profiles import SERVER
from ansible_collections.vwan.user_vpn.tests.lab.packages import build_package
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.authority import Identity, thumbprint
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action

PASSPHRASE = "passphrase of the tunnel tests"


@dataclass(frozen=True)
class Issued:
    """A client identity; `options` are those by which mobileconfig finds it."""

    name: str
    root: bytes
    certificate: bytes
    options: dict[str, Any]

    @property
    def sha1(self) -> str:
        return thumbprint(self.certificate)


class Pki:
    """One store of the collection: a root it makes itself, or somebody's CA hierarchy that it takes in."""

    def __init__(self, folder: Path, *, authority: Identity | None = None) -> None:
        """`authority`: the intermediate that is to sign clients, with the root above it."""
        self.option = str(folder / "pki.db")
        source = {} if authority is None else _files_of(authority, folder)
        made = task("root_certificate", pki=self.option, passphrase=PASSPHRASE, **source)
        self.root = base64.b64decode(made["public_cert_data"])

    def issue(self, name: str, **options: Any) -> Issued:
        task("client_certificates", pki=self.option, passphrase=PASSPHRASE, clients=[name], **options)
        current = public_of(place_of(self.option), name)
        assert current
        der = x509.load_pem_x509_certificate(current.pem).public_bytes(Encoding.DER)
        found = {"pki": self.option, "passphrase": PASSPHRASE, "identity": {"client": name}}
        return Issued(name, self.root, der, found)


def render(
    client: Issued, folder: Path, *, gateway_roots: list[bytes], warnings: list[str] | None = None, **options: Any
) -> bytes:
    """The profile of a client for the package that a gateway with these roots has.

    `options` are mobileconfig's; `warnings` collects what it warns of.
    """
    folder.mkdir(parents=True, exist_ok=True)
    package = folder / "package.zip"
    package.write_bytes(build_package(gateway_roots, vpn_server=SERVER, windows=False))
    settings = task("profile_package_info", path=str(package))["settings"]
    wishes = client.options | options
    result = task(
        "mobileconfig",
        settings=settings,
        macs=[{"host": client.name, "identity": wishes.pop("identity")}],
        dest=str(folder),
        identifier="com.example.tunnel",
        connection_name="Tunnel",
        **wishes,
    )
    entry = result["macs"][client.name]
    assert not entry["failed"], entry["msg"]
    if warnings is not None:
        warnings += result.get("warnings", [])
    return Path(entry["path"]).read_bytes()


def task(module: str, **arguments: Any) -> dict[str, Any]:
    result = run_action(module, arguments)
    assert not result.get("failed"), result.get("msg")
    return result


def _files_of(authority: Identity, folder: Path) -> dict[str, str]:
    """An enterprise's root, issuing CA and its key, as the options that take them in."""
    root, chain, key = folder / "root.pem", folder / "chain.pem", folder / "issuing.key"
    root.write_bytes(authority.root.certificate.public_bytes(Encoding.PEM))
    chain.write_bytes(b"".join(each.certificate.public_bytes(Encoding.PEM) for each in authority.intermediates))
    key.write_bytes(authority.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return {"certificate_source": str(root), "chain_source": str(chain), "key_source": str(key)}
