# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: which MDMs there are, and how a server is described.

A type stands here once it has passed the suite of tests/integration/mdm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .._errors import UserVpnError
from .._secrets import names_secret
from .http import Http
from .interface import Server
from .jamf import Jamf

# By type: its class, and the ways to log in, of which each is a set of options. What is not given is looked for in the
# environment, as <TYPE>_<OPTION>.
TYPES: dict[str, tuple[type[Jamf], tuple[tuple[str, ...], ...]]] = {
    "jamf": (Jamf, (("client_id", "client_secret"), ("username", "password"))),
}


@contextmanager
def connected(
    given: Mapping[str, Any], environment: Mapping[str, str], say: Callable[[str], None], mask: Callable[[str], None]
) -> Iterator[Server]:
    """The server that the option `server` describes; UserVpnError when something is missing. No call is made yet."""
    kind = str(given["type"])
    server_class, ways = TYPES[kind]

    def value(option: str) -> str:
        return str(given.get(option) or environment.get(f"{kind}_{option}".upper()) or "")

    # A way that is given in the task wins over one of the environment.
    named = [way for way in ways if any(given.get(option) for option in way)] or ways
    login = next(({o: value(o) for o in way} for way in named if all(map(value, way))), None)
    missing = [option for option in ("url",) if not value(option)]
    if login is None:
        missing += [option for option in named[0] if not value(option)]
    if login is None or missing:
        names = " and ".join(f"server.{option} (or {f'{kind}_{option}'.upper()})" for option in missing)
        raise UserVpnError(f"{server_class.NAME} cannot be asked: set {names}.")
    for option in filter(names_secret, login):
        mask(value(option))
    http = Http(server_class.NAME, value("url"), ca_file=value("ca_file"), say=say, environment=environment)
    server = server_class(http, login, mask)
    try:
        yield server
    finally:
        server.close()
