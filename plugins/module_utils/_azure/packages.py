# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: ask Azure for a VPN client profile package, and keep it as a file.

Azure has two: the global one of a Virtual WAN, whose server name leads to any hub with that User VPN configuration
("Download a global profile or hub-based profiles", Microsoft Learn), and one per hub, of its P2S gateway.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import _files
from .._errors import UserVpnError
from .._package import ProfilePackage, read_package, read_package_bytes
from .._x509 import certificates
from .._x509.certificates import Certificate
from .._x509.text import utc_text
from . import configurations, names
from .client import Azure
from .errors import AzureError
from .fetch import fetch

AUTHENTICATION_METHODS = ("EAPTLS", "EAPMSCHAPv2")
_ADDED_ROOT = "Generic/VpnServerRoot.cer_{}{}"


@dataclass(frozen=True)
class Source:
    """Which package: of a Virtual WAN (and one of its configurations), or of one P2S gateway."""

    resource_group: str
    virtual_wan: str = ""
    configuration: str = ""  # a name in the same resource group, or a resource id
    gateway: str = ""
    authentication_method: str = "EAPTLS"
    add_hub_roots: bool = False
    keep_roots: bool = True
    planned: Mapping[str, Any] = field(default_factory=dict)  # how the configuration will be, if it is changed before


Settings = dict[str, Any]
Memory = Callable[[str], "Settings | None"]  # what a package brought last, by its name


@dataclass(frozen=True)
class Download:
    """What came of a download, or what is known without one. `name` is that of the package in a memory.

    `internet`  whether the gateways let their clients out to the internet; None where Azure does not say
    """

    name: str
    changed: bool
    settings: dict[str, Any] | None
    before: dict[str, Any] | None
    configuration: dict[str, Any]
    internet: bool | None = None
    warnings: tuple[str, ...] = ()


def download(azure: Azure, source: Source, dest: Path, memory: Memory | None = None) -> Download:
    """Generate the package, fetch it, check it, and put it in the old one's place if its settings differ.

    With a memory, that tells what the last package brought, and the file is a copy; without one, the file tells.
    """
    _check_place(dest)
    configuration = configurations.find(
        azure, source.resource_group, source.virtual_wan, source.configuration, source.gateway
    )
    advice = _refuse_unusable(configuration)
    rootless = configurations.without_root(configuration, datetime.now(UTC))
    internet = _internet_security(azure, source, configuration)
    content = _generate(azure, source, str(configuration["id"]))
    package = read_package_bytes(content)
    warnings: tuple[str, ...] = (*advice, *([rootless] if rootless else []), *package.warnings)
    if source.add_hub_roots and not source.gateway:
        hubs = (root for hub in _hub_packages(azure, source, configuration) for root in hub.gateway_roots)
        content, _added = with_roots(content, hubs, "hub")
        package = read_package_bytes(content)
    name = _name(source, configuration)
    there = _existing(dest)
    before = memory(name) if memory else there
    if source.keep_roots and before and before["vpn_server"] == package.settings()["vpn_server"]:
        content, kept = with_roots(content, _unexpired_roots(before), "kept")
        package = read_package_bytes(content)
        if kept:
            warnings += (
                "Azure's package no longer names the gateway root "
                f"{', '.join(root.subject for root in kept)}; it stays trusted, until keep_roots is false.",
            )
    if there is None or there["digest"] != package.digest:
        _files.make_folder(dest.parent)
        _files.write_atomic(dest, content)
    changed = before is None or before["digest"] != package.digest
    return Download(name, changed, package.settings(), before, configuration, internet, warnings)


def predict(azure: Azure, source: Source, dest: Path, memory: Memory | None = None) -> Download:
    """What can be known without generating a package: whether Azure has what is named, and whether a file is there."""
    _check_place(dest)
    configuration = configurations.find(
        azure, source.resource_group, source.virtual_wan, source.configuration, source.gateway
    )
    configuration = _as_planned(configuration, source.planned)
    advice = _refuse_unusable(configuration)
    if source.virtual_wan:
        azure.read(
            f"read the Virtual WAN {source.virtual_wan}", "virtual_wans.get", source.resource_group, source.virtual_wan
        )
    name = _name(source, configuration)
    before = memory(name) if memory else _existing(dest)
    unknown = (
        f"Check mode does not let Azure generate a package, so whether it would differ from {dest} is not known."
        if before
        else f"Check mode does not let Azure generate a package, so what {dest} would hold is not known."
    )
    internet = _internet_security(azure, source, configuration)
    return Download(name, before is None, before, before, configuration, internet, (*advice, unknown))


def with_roots(content: bytes, others: Iterable[Certificate], mark: str) -> tuple[bytes, list[Certificate]]:
    """The package with gateway roots that it lacks beside its own, and which these are.

    The added files are named like Azure's own, so that every reader of packages finds them; `mark` says where they are
    from: "hub", since a global package may name the root of one hub only ("Download a global profile or hub-based
    profiles"), or "kept", since a gateway goes on with its old root until it has been migrated.
    """
    known = {root.sha256 for root in read_package_bytes(content).gateway_roots}
    added = [
        root for _sha256, root in sorted({root.sha256: root for root in others}.items()) if root.sha256 not in known
    ]
    if not added:
        return content, []
    whole = io.BytesIO(content)
    with zipfile.ZipFile(whole, "a") as archive:
        for number, root in enumerate(added, start=1):
            archive.writestr(zipfile.ZipInfo(_ADDED_ROOT.format(mark, number)), root.pem)
    return whole.getvalue(), added


def differences(result: Download) -> dict[str, str]:
    """Before and after, as a diff shows them: settings, with a line for each gateway root instead of its bytes."""
    return {"before": _readable(result.before), "after": _readable(result.settings)}


def _readable(settings: dict[str, Any] | None) -> str:
    if settings is None:
        return ""
    shown = {name: value for name, value in settings.items() if name != "digest"}
    shown["gateway_roots"] = [f"{root['subject']} (SHA-1 {root['sha1']})" for root in settings["gateway_roots"]]
    return json.dumps(shown, indent=2, sort_keys=True) + "\n"


def _refuse_unusable(configuration: dict[str, Any]) -> tuple[str, ...]:
    """Advice about a configuration that Macs can use; UserVpnError for one that they cannot."""
    problems, advice = configurations.assess(configuration)
    if problems:
        raise UserVpnError(" ".join(problems))
    return advice


def _as_planned(configuration: dict[str, Any], planned: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as a real run would find it, after what server_configuration has foreseen in check mode."""
    if not names.same(planned.get("id"), configuration["id"]):
        return configuration
    members = {"vpn_protocols": "vpnProtocols", "vpn_authentication_types": "vpnAuthenticationTypes"}
    members["ipsec_policies"] = "vpnClientIpsecPolicies"
    foreseen = {member: planned[name] for name, member in members.items() if isinstance(planned.get(name), list)}
    return configuration | {"properties": configurations.properties(configuration) | foreseen}


def _internet_security(azure: Azure, source: Source, configuration: dict[str, Any]) -> bool | None:
    """Of the gateways that the package leads to; None, too, where the identity may not read them."""
    try:
        if source.gateway:
            gateway = configurations.read_gateway(azure, source.resource_group, source.gateway)
            found = [configurations.gateway_summary(gateway)]
        else:
            found = configurations.gateways(azure, configuration)
    except AzureError as error:
        if error.status not in (403, 404):
            raise
        return None
    flags = [each["enable_internet_security"] for each in found]
    return False if False in flags else (True if flags and None not in flags else None)


def _generate(azure: Azure, source: Source, configuration_id: str) -> bytes:
    if source.gateway:
        return _generate_hub(azure, source.resource_group, source.gateway, source.authentication_method)
    return _fetched(
        azure,
        f"generate the package of the Virtual WAN {source.virtual_wan}",
        "begin_generatevirtualwanvpnserverconfigurationvpnprofile",
        source.resource_group,
        source.virtual_wan,
        body={
            "vpnServerConfigurationResourceId": configuration_id,
            "authenticationMethod": source.authentication_method,
        },
    )


def _generate_hub(azure: Azure, resource_group: str, gateway: str, method: str) -> bytes:
    return _fetched(
        azure,
        f"generate the package of the P2S VPN gateway {gateway}",
        "p2_svpn_gateways.begin_generate_vpn_profile",
        resource_group,
        gateway,
        body={"authenticationMethod": method},
    )


def _hub_packages(azure: Azure, source: Source, configuration: dict[str, Any]) -> Iterable[ProfilePackage]:
    for gateway_id in configurations.gateway_ids(configuration):
        gateway = names.parse(gateway_id)
        yield read_package_bytes(_generate_hub(azure, gateway.group, gateway.name, source.authentication_method))


def _fetched(azure: Azure, what: str, operation: str, *arguments: str, body: dict[str, Any]) -> bytes:
    answer = azure.run(what, operation, *arguments, body=body)
    url = answer.get("profileUrl") if isinstance(answer, dict) else None
    if not isinstance(url, str) or not url:
        raise AzureError(
            f"Azure said that it did {what}, but gave no address to fetch it from; run again.", "BrokenAnswer"
        )
    azure.wait.begin("download the package")
    return fetch(url, azure.wait)


def _name(source: Source, configuration: dict[str, Any]) -> str:
    """Which package it is, in one line: of which gateway or Virtual WAN, with which configuration."""
    whole = f"Virtual WAN {source.virtual_wan}" if source.virtual_wan else f"P2S VPN gateway {source.gateway}"
    return f"{whole} in {source.resource_group}, {configuration['id']}".lower()


def _check_place(dest: Path) -> None:
    """UserVpnError when no file can be at `dest`, before Azure generates one in vain."""
    try:
        there = next(place for place in (dest, *dest.parents) if place.exists() or place.is_symlink())
        is_folder = there.is_dir()
    except OSError as error:
        raise UserVpnError(f"dest: {dest} cannot be reached: {error.strerror}.") from None
    if there == dest and is_folder:
        raise UserVpnError(f"dest: {dest} is a folder; give the name of a file in it.")
    if there != dest and not is_folder:
        raise UserVpnError(f"dest: {there} is not a folder, so {dest} cannot be a file; choose another place.")


def _existing(dest: Path) -> dict[str, Any] | None:
    """The settings of the package that is there now; None when there is none, or none that can be read."""
    try:
        return read_package(dest).settings()
    except UserVpnError:
        return None


def _unexpired_roots(settings: Settings) -> list[Certificate]:
    """The gateway roots in them that have not ended."""
    return [
        certificates.read_one(root["pem"].encode(), "a gateway root of the last package")
        for root in settings["gateway_roots"]
        if root["not_after"] > utc_text(datetime.now(UTC))
    ]
