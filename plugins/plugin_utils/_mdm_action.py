# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what is said about an MDM's server, in a task and in an inventory."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ..module_utils._azure.credentials import AUTH_SOURCES
from ..module_utils._mdm.delivery import Wish
from ..module_utils._mdm.interface import Server
from ..module_utils._mdm.servers import TYPES, connected

# The option of the doc fragment `mdm`. What is not given is looked for in the environment.
MDM_ARGUMENTS: dict[str, Any] = {
    "server": {
        "type": "dict",
        "required": True,
        "options": {
            "type": {"type": "str", "choices": sorted(TYPES), "required": True},
            "url": {"type": "str"},
            "client_id": {"type": "str"},
            "client_secret": {"type": "str", "no_log": True},
            "username": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "token": {"type": "str", "no_log": True},
            "team_id": {"type": "int"},
            "ca_file": {"type": "path"},
            "tenant": {"type": "str"},
            "x509_certificate_path": {"type": "path"},
            "auth_source": {"type": "str", "choices": list(AUTH_SOURCES)},
            "cloud_environment": {"type": "str"},
            "groups": {"type": "list", "elements": "str"},
            "api_key": {"type": "str", "no_log": True},
            "results": {"type": "path"},
            "record": {"type": "path"},
        },
        "required_by": {"client_secret": "client_id", "password": "username"},
    }
}


# The option `profiles` of its part `macs`.
MAC_ARGUMENTS: dict[str, Any] = {
    "profiles": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "host": {"type": "str", "required": True},
            "serial_number": {"type": "str", "default": ""},
            "udid": {"type": "str", "default": ""},
            "profile": {"type": "dict"},
            "shared": {"type": "bool"},
            "problem": {"type": "str"},
        },
    }
}


# Where a task of ours in a role has them from.
FURTHER: dict[str, str] = {
    "server": "user_vpn_mdm in the playbooks",
    "serial_number": "the variable user_vpn_serial_number of its host",
    "udid": "the variable user_vpn_udid of its host",
}


def wish_of(mac: Mapping[str, Any]) -> Wish:
    """A Mac of the option `profiles`, without its profile."""
    serial_number, udid, problem = (str(mac.get(name) or "").strip() for name in ("serial_number", "udid", "problem"))
    return Wish(mac["host"], serial_number, udid, problem=problem)


def server_of(
    given: Mapping[str, Any],
    find: Callable[[str], Path],
    say: Callable[[str], None],
    mask: Callable[[str], None],
) -> AbstractContextManager[Server]:
    """The server that the option describes, for as long as it takes."""
    files = ("ca_file", "x509_certificate_path", "results", "record")
    found = {**given, **{option: str(find(given[option])) for option in files if given.get(option)}}
    return connected(found, os.environ, say, mask)
