# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what the actions that talk to Azure share."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from ..module_utils._azure import client, names
from ..module_utils._azure.credentials import AUTH_SOURCES, CLI_TIMEOUT
from ._action import UserVpnAction

# The options of the doc fragment `azure`. What is not given is looked for in the environment.
AZURE_ARGUMENTS: dict[str, Any] = {
    "subscription_id": {"type": "str"},
    "tenant": {"type": "str"},
    "client_id": {"type": "str"},
    "secret": {"type": "str", "no_log": True},
    "x509_certificate_path": {"type": "path"},
    "profile": {"type": "str"},
    "credential_file": {"type": "path"},
    "auth_source": {"type": "str", "choices": list(AUTH_SOURCES)},
    "cloud_environment": {"type": "str"},
    "cli_timeout": {"type": "int", "default": CLI_TIMEOUT},
    "wait_timeout": {"type": "int", "default": client.WAIT_TIMEOUT},
}


# Options that name a resource -> the kind of resource whose id they take instead.
_NAMES = {
    "resource_group": "",
    "virtual_wan": "",
    "p2s_vpn_gateway": "",
    "vpn_server_configuration": "vpnServerConfigurations",
}


# What a P2S VPN gateway knows itself.
_OF_A_GATEWAY = ("virtual_wan", "vpn_server_configuration")


class AzureAction(UserVpnAction):
    """A subclass writes `ask`, which talks to Azure through `self.azure(arguments)`."""

    FURTHER: ClassVar[dict[str, str]] = {name: f"user_vpn_azure.{name} in the playbooks" for name in AZURE_ARGUMENTS}

    def given(self) -> dict[str, Any]:
        """The options of the task. A name that is empty is none, and the gateway wins: it has one configuration."""
        given = super().given()
        named = {option: value for option, value in given.items() if option not in _NAMES or value != ""}
        if "p2s_vpn_gateway" in named:
            named = {option: value for option, value in named.items() if option not in _OF_A_GATEWAY}
        return named

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        for option, kind in _NAMES.items():
            if arguments.get(option) is not None:
                names.check(option, arguments[option], kind)
        with self.task_environment():
            return self.ask(arguments)

    def ask(self, arguments: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def azure(self, arguments: dict[str, Any]) -> client.Azure:
        """The subscription that the arguments and the environment describe."""
        options = dict(arguments)
        for option in ("x509_certificate_path", "credential_file"):
            if options.get(option):
                options[option] = str(self.local_path(options[option]))
        return client.connect(options, os.environ, self.say, self.mask)
