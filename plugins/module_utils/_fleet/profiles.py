# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what the profile of each Mac of a play is to be, as mobileconfig takes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._errors import UserVpnError, shown
from .run import BY_API, BY_API_AND_ASKED
from .settings import DEFAULTS, HostVars, check, client_of, own, per_mac, require_identifier, verification

#: The settings that are options of mobileconfig under the same name: those without a default, and the others.
OF_OTHERS = ("connect_via", "address_pools", "certificate_san_type")  # looked at before the Mac is touched
ALWAYS = ("identifier", "connection_name")
OPTIONS = (
    "organization",
    "scope",
    "authentication",
    "algorithms",
    "on_demand",
    "dns",
    "routing",
    "sign_with",
    "client_chain",
)

#: What the run sets itself for each Mac, and what a profile has in common with other steps, each with its variable.
OF_THE_RUN = ("host", "identity", "key_wanted", "problem", "settings")
SHARED = {name: f"user_vpn_{name}" for name in (*ALWAYS, "scope", "delivery", "serial_number")}

Entry = dict[str, Any]


def profiles(
    hosts: Iterable[str], hostvars: HostVars, first: str, seen: Mapping[str, Any], issued: Mapping[str, Any]
) -> list[Entry]:
    """One entry for each Mac that has its certificates in a profile, with what differs from the defaults.

    seen    the settings as the task found them for the host `first`; see `per_mac`
    issued  what client_certificates returned; empty for a play that has own identities only

    What cannot be is a `problem` of that Mac alone.
    """
    clients = issued.get("clients", {})
    entries = []
    for host, settings in per_mac(hosts, hostvars, first, seen).items():
        told = hostvars[host]
        if settings.get("certificates_by") == "keychain":
            continue
        entry: Entry = {"host": host, **{name: settings[name] for name in ALWAYS if name in settings}}
        serial_number = told.get("user_vpn_serial_number")
        if serial_number:
            entry["serial_number"] = str(serial_number)
        try:
            for name, value in [*settings.items(), *((name, own(told, name)) for name in OF_OTHERS)]:
                check(name, value)
            if "identifier" in settings:
                require_identifier(settings["identifier"])
            further = _passed_on(settings)
            settings.update(further)
            entry |= _identity(host, told, settings, clients)
            entry["delivery"] = _delivery(settings)
            if settings["mac_key"] == "on_mac":
                _require_what_a_mac_completes(entry, settings)
            entry |= _named(settings) | further
            entry["ipsec_policy"] = policy_of(settings)
        except UserVpnError as error:
            entry["problem"] = str(error)
        entries.append(entry)
    return entries


def _named(settings: Mapping[str, Any]) -> Entry:
    """The options with variables of their own that are not as they are by default."""
    return {name: settings[name] for name in OPTIONS if settings.get(name, DEFAULTS[name]) != DEFAULTS[name]}


def _passed_on(settings: Mapping[str, Any]) -> Entry:
    """The options in user_vpn_profile, of which mobileconfig judges; UserVpnError for one that is set elsewhere."""
    options, named = settings.get("profile") or {}, _named(settings)
    for name in options:
        if not isinstance(name, str):
            raise UserVpnError(
                f"user_vpn_profile holds {shown(repr(name))}, which is no name of an option: leave it out."
            )
        if name in named:
            raise UserVpnError(
                f"{shown(str(name))} is set in user_vpn_profile and in user_vpn_{name}: keep one of the two."
            )
        if name in SHARED:
            raise UserVpnError(f"{name} is set in user_vpn_profile, but other steps need it, too: set {SHARED[name]}.")
        if name in OF_THE_RUN:
            raise UserVpnError(f"{name} is set in user_vpn_profile, but the run itself sees to it: leave it out there.")
    return dict(options)


def policy_of(settings: Mapping[str, Any]) -> Any:
    """The IPsec policy that counts: what is set wins over what Azure says, and so do algorithms that are set."""
    if settings["ipsec_policy"] != {}:
        return settings["ipsec_policy"]
    return {} if settings["algorithms"] else settings["azure_ipsec_policies"]


def _identity(host: str, told: Mapping[str, Any], settings: Mapping[str, Any], clients: Mapping[str, Any]) -> Entry:
    client = client_of(host, told)
    path = str(settings["pkcs12_path"] or "")
    if settings["scep"]:
        if path or settings["mac_key"] == "on_mac":
            other = "user_vpn_pkcs12_path" if path else "user_vpn_mac_key"
            raise UserVpnError(
                f"user_vpn_scep and {other} are both set, and a Mac has one certificate: keep one of the two."
            )
        if clients.get(client, {}).get("failed"):
            raise UserVpnError(str(clients[client].get("msg", "")))
        return {"identity": {"scep": dict(settings["scep"])}}
    if path:
        path = path.replace("{host}", host).replace("{client}", client)
        password = settings["pkcs12_password"]
        return {"identity": {"pkcs12_path": path, "password": password}}
    certificate = clients.get(client, {})
    if certificate.get("failed"):
        raise UserVpnError(str(certificate.get("msg", "")))
    identity = {"client": client}
    if certificate.get("sha1") or certificate.get("changed"):  # empty: check mode foresees another than there is
        identity["sha1"] = str(certificate.get("sha1") or "")
    return {"identity": identity, "key_wanted": bool(certificate.get("key_wanted"))}


def _delivery(settings: Mapping[str, Any]) -> str:
    verify = verification(settings)
    if settings["delivery"] == "mdm":
        return BY_API_AND_ASKED if verify == "ssh" else BY_API
    if verify == "none":
        return "export"
    return "approve" if settings["delivery"] == "approve" else "mdm"


def _require_what_a_mac_completes(entry: Entry, settings: Mapping[str, Any]) -> None:
    if entry["delivery"] != "approve" or settings["scope"] != "System" or settings["sign_with"]:
        raise UserVpnError(
            "user_vpn_mac_key is on_mac: only the Mac itself can complete its profile, so user_vpn_delivery must be "
            "approve, user_vpn_verify ssh, user_vpn_scope System, and user_vpn_sign_with empty. Set them so, or let "
            "the controller make the key."
        )
