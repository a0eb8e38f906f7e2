# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what makes a profile package useless to a Mac, and what its reader should know."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from .._errors import shown
from .._x509.certificates import Certificate
from .archive import IKEV2_ADVICE
from .errors import PackageError
from .vpnsettings import NAME, VpnSettings

# Microsoft's limit for IKEv2 clients ("About point-to-site VPN").
ROUTES_LIMIT = 255
WARN_BEFORE = timedelta(days=30)

_KNOWN_SUFFIXES = (".vpn.azure.com", ".cloudapp.net")
_KINDS = {
    "wan": re.compile(r"wan\."),
    "hub": re.compile(r"hub[0-9a-z-]*\."),
    "vnet_gateway": re.compile(r"azuregateway-"),
}
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def kind(vpn_server: str) -> str:
    """What a server name points to: all hubs of a Virtual WAN, one hub, or a plain virtual network gateway."""
    return next((kind for kind, form in _KINDS.items() if form.match(vpn_server.lower())), "unknown")


def has_ikev2(settings: VpnSettings) -> bool:
    return "ikev2" in _lower(settings.vpn_types)


def refuse_unusable(settings: VpnSettings) -> None:
    """PackageError when no Mac could connect with these settings and a certificate.

    A Generic folder does not prove IKEv2: packages with OpenVPN alone have been seen with one.
    """
    if settings.vpn_types and not has_ikev2(settings):
        types = shown(", ".join(settings.vpn_types))
        raise PackageError(f"The package is for {types} only, not for IKEv2. {IKEV2_ADVICE}.")
    methods = _methods(settings)
    if "eapmschapv2" in methods and "eaptls" not in methods:
        raise PackageError(
            f"The package is for user names and passwords through RADIUS (Auth is {shown(settings.auth)}), but "
            "certificate authentication is needed: let the User VPN configuration accept Azure certificates, then "
            "generate the package with the authentication method EAPTLS."
        )
    if not settings.vpn_server:
        raise PackageError(f"{NAME} names no VpnServer; generate and download the package again.")
    if not _is_dns_name(settings.vpn_server):
        # It goes into profiles and commands: nothing but a plain name may pass.
        raise PackageError(
            f"VpnServer in {NAME} is '{shown(settings.vpn_server)}', which is not a DNS name; "
            "generate and download the package again."
        )


def find_warnings(
    settings: VpnSettings, from_xml: Iterable[Certificate], from_files: Iterable[Certificate], now: datetime
) -> tuple[str, ...]:
    """What does not stop a Mac today, but should be known. One sentence each."""
    xml, files = {root.sha256: root for root in from_xml}, {root.sha256: root for root in from_files}
    roots = [root for _sha256, root in sorted({**xml, **files}.items())]
    return (
        *_about_settings(settings),
        *_about_addresses(settings),
        *_about_sources(xml, files),
        *_about_validity(roots, now),
        *_about_names(settings, roots),
    )


def _about_settings(settings: VpnSettings) -> Iterator[str]:
    if not settings.vpn_server.lower().endswith(_KNOWN_SUFFIXES):
        yield (
            f"The VPN server {shown(settings.vpn_server)} lies outside vpn.azure.com, the only domain known here; "
            "it is used as it stands."
        )
    if not settings.vpn_types:
        yield f"{NAME} names no VpnType, so whether the gateway accepts IKEv2 is not known; make sure that it does."
    if "eaptls" not in _methods(settings):
        found = f"is {shown(settings.auth)}, not EAPTLS" if settings.auth else "is missing"
        yield f"Auth in {NAME} {found}; make sure that the gateway accepts certificate authentication."
    if len(settings.routes) > ROUTES_LIMIT:
        yield (
            f"The package lists {len(settings.routes)} routes; Microsoft's limit for IKEv2 clients is {ROUTES_LIMIT}, "
            "so some networks may stay out of reach: sum up the address spaces behind the hub in fewer, larger ones, "
            "then download the package again."
        )


def _about_addresses(settings: VpnSettings) -> Iterator[str]:
    for element, values, form in (
        ("Routes", settings.routes, ipaddress.ip_network),
        ("VpnClientAddressPool", settings.client_address_pools, ipaddress.ip_network),
        ("CustomDnsServers", settings.dns_servers, ipaddress.ip_address),
    ):
        for value in values:
            try:
                form(value)
            except ValueError:
                yield f"{element} in {NAME} holds '{shown(value)}', which is not the address it should be; check it."
                break  # one example tells enough


def _about_sources(xml: dict[str, Certificate], files: dict[str, Certificate]) -> Iterator[str]:
    if not xml or not files:
        return  # the XML alone, or the files alone, is enough
    for sha256 in sorted(files.keys() - xml.keys()):
        yield f"The gateway root {_name(files[sha256])} is a file of the package but not in {NAME}; it is used as well."
    for sha256 in sorted(xml.keys() - files.keys()):
        yield f"The gateway root {_name(xml[sha256])} is in {NAME} but not a file of the package; it is used as well."


def _about_validity(roots: Iterable[Certificate], now: datetime) -> Iterator[str]:
    for root in roots:
        end = root.not_after.date().isoformat()
        if root.not_after <= now:
            yield (
                f"The gateway root {_name(root)} expired on {end}; if this is the only one, "
                "generate and download the package again."
            )
        elif root.not_after <= now + WARN_BEFORE:
            yield f"The gateway root {_name(root)} expires on {end}; generate and download the package again before."


def _about_names(settings: VpnSettings, roots: Iterable[Certificate]) -> Iterator[str]:
    delivered = {name for root in roots for name in root.common_names}
    for name in dict.fromkeys(settings.root_names):
        if name not in delivered:
            yield (
                f"{NAME} names a gateway root '{shown(name)}' that the package does not hold; "
                "generate and download the package again if Macs do not trust the gateway."
            )


def _name(root: Certificate) -> str:
    return f"'{shown(root.subject)}' (SHA-1 {root.sha1})"


def _lower(values: Iterable[str]) -> set[str]:
    return {value.lower() for value in values}


def _methods(settings: VpnSettings) -> set[str]:
    return _lower(settings.auth.split(","))


def _is_dns_name(name: str) -> bool:
    labels = name.split(".")
    return (
        len(name) <= 253
        and len(labels) > 1
        and all(_LABEL.fullmatch(label) for label in labels)
        and not labels[-1].isdigit()  # that would be an IP address
    )
