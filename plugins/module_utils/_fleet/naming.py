# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: whom people mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._x509.text import is_thumbprint


def named(what: Any, clients_by_host: Mapping[str, str]) -> dict[str, list[str]]:
    """What somebody wrote, as a list or with commas between, told apart: `clients` and `thumbprints`, each once.

    The name of a host stands for its client. What is neither is taken for the name of a client: whoever knows all
    clients refuses it, and knows which ones come near.
    """
    items: Iterable[Any] = what.split(",") if isinstance(what, str) else what if isinstance(what, list) else [what]
    texts = [str(item).strip() for item in items if item is not None]
    thumbprints = [text for text in texts if is_thumbprint(text)]
    clients = [str(clients_by_host.get(text, text)) for text in texts if text and text not in thumbprints]
    return {"clients": list(dict.fromkeys(clients)), "thumbprints": list(dict.fromkeys(thumbprints))}


def clients(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """The client of each host, with the serial number of its Mac where the inventory tells it."""
    found = []
    for host in hosts:
        told = hostvars[host]
        client = {"name": str(told.get("user_vpn_client_name") or host)}
        serial_number = told.get("user_vpn_serial_number")
        found.append(client | ({"serial_number": str(serial_number)} if serial_number else {}))
    return found
