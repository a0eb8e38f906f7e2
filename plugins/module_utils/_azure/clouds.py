# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: where the APIs of each Azure cloud live, and who signs in to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from .._errors import UserVpnError

PUBLIC_AUTHORITY = "https://login.microsoftonline.com"


@dataclass(frozen=True)
class Cloud:
    """One cloud: the management API's URL, the scope to ask a token for, and the host that gives tokens."""

    name: str
    resource_manager: str
    scope: str
    authority: str
    # Both are unknown for a cloud that is given by its URL.
    storage_suffix: str = ""  # of the hosts of blobs, behind `.blob.`
    graph: str = ""  # the URL of Microsoft Graph: Microsoft Learn, "Microsoft Graph national cloud deployments"
    known: bool = True


# azure-mgmt-core, get_arm_endpoints. Mind "core" in the scope of US Government.
CLOUDS = {
    cloud.name.lower(): cloud
    for cloud in (
        Cloud(
            "AzureCloud",
            "https://management.azure.com",
            "https://management.azure.com/.default",
            PUBLIC_AUTHORITY,
            "core.windows.net",
            "https://graph.microsoft.com",
        ),
        Cloud(
            "AzureUSGovernment",
            "https://management.usgovcloudapi.net",
            "https://management.core.usgovcloudapi.net/.default",
            "https://login.microsoftonline.us",
            "core.usgovcloudapi.net",
            "https://graph.microsoft.us",
        ),
        Cloud(
            "AzureChinaCloud",
            "https://management.chinacloudapi.cn",
            "https://management.chinacloudapi.cn/.default",
            "https://login.chinacloudapi.cn",
            "core.chinacloudapi.cn",
            "https://microsoftgraph.chinacloudapi.cn",
        ),
    )
}


def find(value: str, environment: Mapping[str, str]) -> Cloud:
    """The cloud of that name, or the one whose management API has that https URL.

    With a URL, AZURE_AUTHORITY_HOST names the host that gives tokens, as it does for every Azure SDK; without it
    that is the public cloud's.
    """
    known = CLOUDS.get(value.strip().lower())
    if known:
        return known
    url = _https(value, "cloud_environment", f"one of {', '.join(cloud.name for cloud in CLOUDS.values())}")
    authority = environment.get("AZURE_AUTHORITY_HOST") or PUBLIC_AUTHORITY
    if "://" not in authority:  # the Azure SDK takes a bare host name, too
        authority = f"https://{authority}"
    return Cloud(url, url, f"{url}/.default", _https(authority, "AZURE_AUTHORITY_HOST", "a host name"), known=False)


def _https(value: str, name: str, other: str) -> str:
    """The URL without a slash at its end. Anything else might carry a token over an unprotected line."""
    url = value.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        plain = parts.scheme == "https" and parts.hostname and not (parts.query or parts.fragment or "@" in url)
        valid = bool(plain) and (parts.port or 443) > 0
    except ValueError:
        valid = False
    if not valid:
        raise UserVpnError(f"{name} must be {other} or an https URL without user and query.")
    return url
