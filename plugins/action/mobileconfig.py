# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render the configuration profiles of many Macs; the work is done by module_utils/_mobileconfig."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from ..module_utils._fleet.profiles import OF_THE_RUN, SHARED
from ..module_utils._mobileconfig import manifest
from ..module_utils._mobileconfig.rendering import Means, difference, render
from ..module_utils._pki.database import place_of
from ..module_utils._x509.text import thumbprint
from ..plugin_utils._action import UserVpnAction

_TEXTS = {"type": "list", "elements": "str"}

# What a profile shall be; a Mac may have its own.
PROFILE: dict[str, Any] = {
    "settings": {"type": "dict"},
    "delivery": {
        "type": "str",
        "choices": ["approve", "mdm", "mdm_api", "mdm_api_ssh", "export"],
        "default": "approve",
    },
    "identifier": {"type": "str"},
    "connection_name": {"type": "str"},
    "display_name": {"type": "str"},
    "organization": {"type": "str"},
    "description": {"type": "str"},
    "scope": {"type": "str", "choices": ["System", "User"], "default": "System"},
    "removal_disallowed": {"type": "bool", "default": False},
    "server_address": {"type": "str"},
    "remote_identifier": {"type": "str"},
    "local_identifier": {"type": "str"},
    "authentication": {"type": "str", "choices": ["certificate", "eap_tls"], "default": "certificate"},
    "server_certificate_common_name": {"type": "str"},
    "server_certificate_issuer_common_name": {"type": "str"},
    "algorithms": {"type": "raw"},
    "ipsec_policy": {"type": "raw"},
    "dead_peer_detection": {"type": "str", "choices": ["none", "low", "medium", "high"], "default": "medium"},
    "routing": {"type": "str", "choices": ["split", "full"], "default": "split"},
    "enable_internet_security": {"type": "bool"},
    "enforce_routes": {"type": "bool", "default": False},
    "exclude_local_networks": {"type": "bool", "default": False},
    "on_demand": {
        "type": "dict",
        "options": {
            "connect": {"type": "str", "choices": ["never", "always", "domains"], "default": "never"},
            "enabled": {"type": "bool", "default": True},
            "domains": _TEXTS,
            "excluded_domains": _TEXTS,
            "required_dns_servers": _TEXTS,
            "required_url_probe": {"type": "str"},
            "interfaces": {"type": "list", "elements": "str", "choices": ["ethernet", "wifi"]},
            "ssids": _TEXTS,
            "url_probe": {"type": "str"},
            "trusted_ssids": _TEXTS,
            "trusted_domains": _TEXTS,
            "trusted_dns_servers": _TEXTS,
            "otherwise": {"type": "str", "choices": ["disconnect", "ignore"], "default": "disconnect"},
            "rules": {"type": "list", "elements": "dict"},
        },
    },
    "dns": {
        "type": "dict",
        "options": {
            "protocol": {"type": "str", "choices": ["Cleartext", "HTTPS", "TLS"], "default": "Cleartext"},
            "server_url": {"type": "str"},
            "server_name": {"type": "str"},
            "servers": _TEXTS,
            "search_domains": _TEXTS,
            "match_domains": _TEXTS,
            "match_domains_only": {"type": "bool", "default": False},
            "domain_name": {"type": "str"},
        },
    },
    "proxies": {"type": "dict"},
    "ikev2": {"type": "dict"},
    "client_chain": {"type": "list", "elements": "path"},
    "macos": {"type": "str"},
    "sign_with": {
        "type": "dict",
        "options": {
            "certificate": {"type": "path"},
            "key": {"type": "path", "no_log": False},
            "passphrase": {"type": "str", "no_log": True},
            "chain": {"type": "path"},
        },
        "required_together": [("certificate", "key")],
        "required_by": {"passphrase": "key", "chain": "certificate"},
    },
}
_OF_ONE_MAC = {
    name: {rule: value for rule, value in rules.items() if rule != "default"} for name, rules in PROFILE.items()
}


class ActionModule(UserVpnAction):
    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "dest": {"type": "path", "required": True},
        "pki": {"type": "str"},
        "passphrase": {"type": "str", "no_log": True},
        **PROFILE,
        "macs": {
            "type": "list",
            "elements": "dict",
            "options": {
                "host": {"type": "str", "required": True},
                "identity": {
                    "type": "dict",
                    "options": {
                        "pkcs12_path": {"type": "path"},
                        "password": {"type": "str", "no_log": True},
                        "certificate_path": {"type": "path"},
                        "client": {"type": "str"},
                        "sha1": {"type": "str"},
                        "scep": {
                            "type": "dict",
                            "options": {
                                "url": {"type": "str", "required": True},
                                "name": {"type": "str"},
                                "challenge": {"type": "str", "no_log": True},
                                "subject": {"type": "raw", "required": True},
                                "ca_fingerprint": {"type": "str"},
                                "key_type": {"type": "str", "default": "RSA"},
                                "key_size": {"type": "int", "default": 2048},
                            },
                        },
                    },
                    "mutually_exclusive": [
                        ("pkcs12_path", "certificate_path", "client", "scep"),
                        ("password", "certificate_path"),
                    ],
                    "required_by": {"pkcs12_path": "password", "sha1": "client"},
                },
                "serial_number": {"type": "str"},
                "key_wanted": {"type": "bool"},
                "problem": {"type": "str"},
                **_OF_ONE_MAC,
            },
        },
        "certificates": {"type": "list", "elements": "str"},
    }
    CONSTRAINTS: ClassVar[dict[str, Any]] = {
        "required_if": [
            ("state", "present", ("settings", "macs")),
            ("state", "absent", ("certificates",)),
        ],
    }
    HOSTS = "macs"
    FURTHER: ClassVar[dict[str, str]] = {
        name: f"user_vpn_profile.{name}" for name in PROFILE if name not in (*OF_THE_RUN, *SHARED)
    }

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        folder = self.local_path(arguments["dest"])
        if arguments["state"] == "absent":
            return self._take_out(folder / manifest.NAME, arguments["certificates"])
        alone = self.alone(task_vars)
        macs = [mac for mac in arguments["macs"] if not alone or mac["host"] == self.host]
        means = Means(
            folder=folder,
            now=datetime.now(UTC),
            place=place_of(arguments["pki"], self.local_path) if arguments["pki"] else None,
            passphrase=arguments["passphrase"],
            who=self.who,
            find=self.local_path,
            progress=lambda done, total: self.say(f"{done} of {total} profiles rendered"),
            check=self.check_mode,
            diff=self.diff_mode,
        )
        rendered = render(macs, {name: arguments[name] for name in PROFILE}, means)
        for warning in rendered.warnings:
            self.warn(warning)
        told = {"changed": rendered.changed, "macs": {host: e.told() for host, e in rendered.entries.items()}}
        told["alone"] = alone
        return told | {"diff": rendered.diff} if self.diff_mode else told

    def _take_out(self, path: Path, certificates: list[str]) -> dict[str, Any]:
        """Delete the profiles with these certificates."""
        wanted = {thumbprint(text, "certificates") for text in certificates}
        hosts = manifest.take_out(path, wanted, check=self.check_mode)
        answer = {"changed": bool(hosts), "removed": hosts}
        return answer | {"diff": difference(path, hosts, [])} if self.diff_mode else answer
