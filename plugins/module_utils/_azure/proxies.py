# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the proxies of the environment, whose URLs may hold a password.

A `#` or `/` that is not percent-encoded ends the part of a URL with user, password and host (RFC 3986, 3.2): libraries
then take the beginning of the password for the host, and their errors name it. So a URL is looked at before it is used.

And nothing but the environment is asked. Where it names no proxy, Python asks macOS for the one of System Settings, and
that aborts in a process that was forked, as every task of Ansible is: "A worker was found in a dead state".
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Mapping

from .._errors import UserVpnError

# Those that requests and urllib read for an address of http or https; upper and lower case.
VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
# requests takes one without a scheme as well.
_URL = re.compile(
    r"(?:(?:https?|socks[45][ah]?):)?(?://)?(?:[^\s/?#\\\[\]]*@)?(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?/?",
    re.ASCII | re.IGNORECASE,
)


def advice(environment: Mapping[str, str]) -> str:
    """What ends an advice where a proxy may be needed; empty where one is set already."""
    names = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
    return "" if any(environment.get(name) for name in names) else ", or set HTTPS_PROXY"


def check(environment: Mapping[str, str]) -> None:
    """UserVpnError, which names the variable and nothing of its value, unless each proxy has the form of a URL."""
    for name in (spelling for variable in VARIABLES for spelling in (variable, variable.lower())):
        value = environment.get(name, "").strip()
        if not value:
            continue
        form = _URL.fullmatch(value)
        if not form or int(form[1] or 0) > 0xFFFF:
            raise UserVpnError(
                f"{name} is no URL of the form http://user:password@host:port; in user and password, special "
                "characters must be percent-encoded: # as %23, / as %2F, ? as %3F, @ as %40, % as %25."
            )


def handler() -> urllib.request.ProxyHandler:
    """For urllib: the proxies of the environment, or none."""
    return urllib.request.ProxyHandler(urllib.request.getproxies_environment())


def for_requests() -> dict[str, str]:
    """For one request of `requests`, that reads the environment itself: where that says nothing, nobody is asked."""
    return {} if urllib.request.getproxies_environment() else {"no_proxy": "*"}
