# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the one door to the Azure SDK, opened as late as can be.

Importing azure-mgmt-network takes most of a second and 50 MB. Only a call that really goes to Azure pays that.
"""

from __future__ import annotations

import importlib
import logging
from typing import Any

from .._errors import UserVpnError

OLDEST = 28  # the release that azure.azcollection pins; older ones have other models

INSTALL = "pip install 'azure-mgmt-network>=28' azure-identity"


# They log what their errors say as well, and the URLs of requests with their signatures: past Ansible, on stderr, and
# on into its log.
_TALKATIVE = ("azure", "msal", "urllib3")
_NOTHING = logging.CRITICAL + 1


def load(module: str) -> Any:
    """A module of the Azure SDK. UserVpnError says what to install when it is missing."""
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(_NOTHING)
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = "azure-identity" if module.startswith("azure.identity") else "azure-mgmt-network"
        raise UserVpnError(
            f"The Python package {package} is missing on the controller ({error.name} cannot be imported): {INSTALL}"
        ) from None


def network() -> Any:
    """azure.mgmt.network, in a release that we know."""
    module = load("azure.mgmt.network")
    version = str(getattr(module, "__version__", ""))
    if not version.partition(".")[0].isdigit() or int(version.partition(".")[0]) < OLDEST:
        raise UserVpnError(
            f"The Python package azure-mgmt-network is {version or 'too old'} on the controller: {INSTALL}"
        )
    return module
