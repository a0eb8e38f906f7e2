# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the proxies of the environment, whose URLs may hold a password.

A `#` or `/` that is not percent-encoded ends the part of a URL with user, password and host (RFC 3986, 3.2): libraries
then take the beginning of the password for the host, and their errors name it. So a URL is looked at before it is used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .._errors import UserVpnError

# Those that requests and urllib read for an address of http or https; upper and lower case.
VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
# requests takes one without a scheme as well.
_URL = re.compile(
    r"(?:(?:https?|socks[45][ah]?):)?(?://)?(?:[^\s/?#\\\[\]]*@)?(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?/?",
    re.ASCII | re.IGNORECASE,
)


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
