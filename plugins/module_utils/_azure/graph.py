# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the sign-in to Microsoft Graph, in the ways that there are for Azure.

What is asked there is no matter of this package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import client, credentials, errors
from .operations import Wait

SECONDS = 600.0  # for one sign-in, with all the waiting that Entra ID asks for


class SignIn:
    """Who asks Graph, by the options of `azure`. Nothing is sent before a token is wanted.

    `url` is where Graph is, and empty for a cloud that is given by its URL. UserVpnError when too little is said.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        environment: Mapping[str, str],
        say: Callable[[str], None],
        mask: Callable[[str], None],
    ) -> None:
        _found, self._cloud, self._login = client.sign_in(options, environment, mask)
        self.url = self._cloud.graph
        self._wait = Wait(SECONDS, say)
        self._credential: Any = None

    def token(self, url: str, *, anew: bool = False) -> str:
        """A token for Graph at this URL; with `anew` not that of before, though it should still last. AzureError."""
        self._wait.begin("sign in")
        if anew or self._credential is None:
            transport = client.transport(self._wait, client.Clock())
            self._credential = credentials.credential(self._login, self._cloud, transport)
        with errors.translated("ask Microsoft Graph"):
            return str(self._credential.get_token(f"{url}/.default").token)
