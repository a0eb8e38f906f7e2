# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: which value of a setting counts for which Mac, in a task that runs once for all.

Such a task sees the variables of one Mac as Ansible lays them over each other, and of the others only what `hostvars`
shows: inventory, facts and extra variables. So per Mac count these, and what a play or a role sets counts for the whole
play. It is known by being another value than inventory and default give for the Mac that the task runs for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .._errors import UserVpnError, shown

LARGEST = 1_000_000_000  # seconds: thirty years
HostVars = Mapping[str, Mapping[str, Any]]

#: The settings that may differ from Mac to Mac, each `user_vpn_` and this name, and what counts where nobody sets it.
#: Those that a profile has are named as the options of mobileconfig.
DEFAULTS: dict[str, Any] = {
    "identifier": "",  # has none: see `require_identifier`
    "connection_name": "Azure User VPN",
    "organization": "",
    "scope": "System",
    "authentication": "certificate",
    "algorithms": "",
    "ipsec_policy": {},
    "azure_ipsec_policies": {},
    "on_demand": {},
    "dns": {},
    "routing": "split",
    "sign_with": {},
    "profile": {},
    "delivery": "approve",
    "verify": "",  # as the delivery wants it: see `verification`
    "mdm": {},  # the server of the MDM, for its type
    "mac_key": "controller",
    "certificates_by": "profile",
    "certificate_domain": "",
    "certificate_san_type": "dns",
    "pkcs12_path": "",
    "pkcs12_password": "",
    "scep": {},
    "client_chain": [],
    "connect_via": "auto",
    "shortcut": "",
    "probe": "",
    "address_pools": [],
    "wait": 300,
    "require_installed": False,
    "require_connected": False,
    "max_fail_percentage": 100,
}


#: What a setting can be, where it is not a text that only its module can judge.
CHOICES: dict[str, tuple[str, ...]] = {
    "scope": ("System", "User"),
    "authentication": ("certificate", "eap_tls"),
    "routing": ("split", "full"),
    "delivery": ("approve", "mdm", "export"),
    "verify": ("ssh", "mdm", "none"),
    "mac_key": ("controller", "on_mac"),
    "certificates_by": ("profile", "keychain"),
    "certificate_san_type": ("dns", "email"),
    "keychain": ("System", "login"),
    "connect_via": ("auto", "on_demand", "vpnutil", "shortcut"),
}
NUMBERS = ("wait", "connect_timeout", "max_fail_percentage")
WHOLE_NUMBERS = ("root_generation", "client_key_size", "renew_before_days", "renew_batch", "cut_wait")
SWITCHES = (
    "require_installed", "require_connected", "new_root", "publish_root", "remove_expired_roots",
    "repair_broken_roots", "configuration_append_tags", "change_configuration",
    "revoke_superseded", "withdraw_old_roots", "withdraw_force", "add_hub_roots", "keep_gateway_roots",
)  # fmt: skip
LISTS = (
    "readmit", "client_chain", "address_pools", "configuration_protocols", "configuration_authentication_types",
)  # fmt: skip
DICTIONARIES = ("on_demand", "dns", "sign_with", "profile", "scep", "configuration_tags", "azure", "mdm")


def check(name: str, value: Any) -> None:
    """UserVpnError where a setting has a value that it cannot have."""
    if name in CHOICES and value not in (*CHOICES[name], DEFAULTS.get(name)):
        *others, last = CHOICES[name]
        raise UserVpnError(f"user_vpn_{name} is {shown(repr(value))}: set it to {', '.join(others)} or {last}.")
    if name in NUMBERS:
        number(value, name)
    if name in WHOLE_NUMBERS and number(value, name) % 1:
        raise UserVpnError(f"user_vpn_{name} is {shown(repr(value))}: set it to a whole number.")
    if name in SWITCHES:
        truth(value, name)
    if name in LISTS and not isinstance(value, list | tuple | str):
        raise UserVpnError(f"user_vpn_{name} is no list: set it to one.")
    if name == "serial" and not _is_serial(value):
        raise UserVpnError(f"user_vpn_serial is {shown(repr(value))}: set it to a number or a percentage, as '20%'.")
    if name in DICTIONARIES and value != "" and not isinstance(value, Mapping):
        raise UserVpnError(f"user_vpn_{name} holds no names with their values: set it to a dictionary.")


def _is_serial(value: Any) -> bool:
    """Whether the keyword `serial` takes it; of anything else Ansible dies in the middle of a playbook."""
    return all(re.fullmatch(r"[0-9]{1,9}%?", str(each)) for each in (value if isinstance(value, list) else [value]))


def per_mac(hosts: Iterable[str], hostvars: HostVars, first: str, seen: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The value of each setting in `seen`, by host. `seen` is what a task has found that runs for the host `first`.

    A variable without a value (null) is not set.
    """
    play = {name: value for name, value in seen.items() if value not in (None, own(hostvars[first], name))}
    found = {}
    for host in hosts:
        told = hostvars[host]
        found[host] = {name: play[name] if name in play else own(told, name) for name in seen}
    return found


def own(told: Mapping[str, Any], name: str) -> Any:
    """What inventory, facts and extra variables say of one Mac, or else the default."""
    value = told.get(f"user_vpn_{name}")
    return DEFAULTS[name] if value is None else value


def truth(value: Any, name: str) -> bool:
    """A truth value, also as text from a command line; UserVpnError for anything else."""
    text = str(value).strip().lower()
    if text in ("true", "yes", "on", "1", "y", "t", "1.0"):
        return True
    if text in ("false", "no", "off", "0", "n", "f", "0.0"):
        return False
    raise UserVpnError(f"user_vpn_{name} is {shown(repr(value))}: set it to true or false.")


def number(value: Any, name: str) -> float:
    """A number that is not negative, also as text; UserVpnError for anything else."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = -1.0
    if isinstance(value, bool) or not 0 <= found < LARGEST:
        raise UserVpnError(f"user_vpn_{name} is {shown(repr(value))}: set it to a number from 0 on.")
    return found


def verification(settings: Mapping[str, Any]) -> str:
    """How it is found out whether a Mac has its profile; UserVpnError where its delivery does not allow that."""
    by_mdm = settings["delivery"] == "mdm"
    verify = str(settings["verify"] or ("mdm" if by_mdm else "ssh"))
    if by_mdm and verify == "ssh":
        _require_askable(settings.get("mdm"))
    if verify == "mdm" and not by_mdm:
        raise UserVpnError("user_vpn_verify is mdm, and only user_vpn_delivery mdm asks one: set it to ssh or none.")
    return verify


def _require_askable(mdm: Any) -> None:
    """UserVpnError unless this MDM leaves a profile as it was rendered."""
    # Every run reads settings, and few need the clients of MDMs.
    from .._mdm.servers import TYPES  # noqa: PLC0415

    server = TYPES.get(str(mdm.get("type"))) if isinstance(mdm, Mapping) else None
    if server is None:
        raise UserVpnError(
            "user_vpn_verify is ssh, and user_vpn_mdm does not say which MDM delivers: set it, with its type, or set "
            "user_vpn_verify to mdm."
        )
    if not server.CAPABILITIES.keeps_profile:
        raise UserVpnError(
            f"user_vpn_verify is ssh, but {server.NAME} gives profiles other identifiers, by which no Mac can be "
            "asked: set it to mdm, so that the MDM tells."
        )


def require_identifier(value: Any) -> None:
    """UserVpnError where the profiles of a Mac have no name."""
    if not value:
        raise UserVpnError(
            "user_vpn_identifier is not set: it names the profiles on the Macs, and can never change during the life "
            "of a VPN. Set it, best for the whole fleet, to a name of your own like com.example.user-vpn."
        )


def client_of(host: str, told: Mapping[str, Any]) -> str:
    """The name of a Mac's client."""
    return str(told.get("user_vpn_client_name") or host)
