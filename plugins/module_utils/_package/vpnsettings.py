# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: VpnSettings.xml, from bytes to fields.

Two generations of the file exist. The older one has `CaCert`, `ServerCertRootCn` and `ServerCertIssuerCn` with one
value each; the newer one has `CaCerts`, `ServerCertsRootCn` and `ServerCertsIssuerCn` with a `string` for each value.
Here every element is its name and the texts found in it, so both read alike, and an element nobody has met yet
is kept. Nothing but VpnServer is demanded.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from .._documents import read_xml
from .errors import PackageError

NAME = "Generic/VpnSettings.xml"

# A real one has some fifteen elements, three deep, and Microsoft's limit is 255 routes.
ELEMENTS_LIMIT = 2000
DEPTH_LIMIT = 16
ITEMS_LIMIT = 5000

# Known, but of no use to a Mac: the Entra ID settings, and an "issuer" that in fact holds the root's common name.
_UNUSED = {"AadIssuer", "AadTenant", "AadAudience", "ServerCertIssuerCn", "ServerCertsIssuerCn"}
_SECRET = re.compile(r"secret|password|token|key", re.IGNORECASE)

_CONTROL = re.compile("[\x7f-\x9f]")

# What is said of any XML, as it is for a package.
_OF_AZURE = {
    "has more elements, or deeper ones, than any": " of Azure's",
    "has a document type declaration": ", which Azure never writes",
}

_ENCODINGS = (
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)


@dataclass(frozen=True)
class VpnSettings:
    """What the file says, blanks around values removed, lists split, otherwise verbatim."""

    vpn_server: str
    vpn_types: tuple[str, ...] = ()
    auth: str = ""
    routes: tuple[str, ...] = ()
    client_address_pools: tuple[str, ...] = ()
    dns_servers: tuple[str, ...] = ()
    vnet_name: str = ""
    vnet_id: str = ""
    ca_certs: tuple[str, ...] = ()
    root_names: tuple[str, ...] = ()
    unknown: dict[str, list[str]] = field(default_factory=dict)


def parse(content: bytes) -> VpnSettings:
    """The fields of a VpnSettings.xml; PackageError when it is no such file."""
    profile = _document(content)
    if profile.tag != "VpnProfile":
        raise PackageError(
            f"{NAME} is another XML file: its root element is not VpnProfile; generate and download the package again."
        )
    elements: dict[str, list[str]] = {}
    for element in profile:
        texts = [text.strip() for text in element.itertext()]
        elements.setdefault(element.tag, []).extend(text for text in texts if text)
    for name in _UNUSED:
        elements.pop(name, None)
    return VpnSettings(
        vpn_server=_one(elements, "VpnServer"),
        vpn_types=_items(elements, "VpnType"),
        auth=",".join(_items(elements, "Auth")),
        routes=_items(elements, "Routes"),
        client_address_pools=_items(elements, "VpnClientAddressPool"),
        dns_servers=_items(elements, "CustomDnsServers"),
        vnet_name=_one(elements, "VnetName"),
        vnet_id=_one(elements, "VnetId"),
        ca_certs=_all(elements, "CaCert") + _all(elements, "CaCerts"),
        root_names=_all(elements, "ServerCertRootCn") + _all(elements, "ServerCertsRootCn"),
        # Packages with OpenVPN are known to carry a shared secret; whatever looks like one is not handed on.
        unknown={name: ["(hidden)"] if _SECRET.search(name) else texts for name, texts in elements.items()},
    )


def _document(content: bytes) -> Element:
    try:
        return read_xml(_text(content), ELEMENTS_LIMIT, DEPTH_LIMIT)
    except ValueError as error:
        advice = "generate and download the package again."
        raise PackageError(f"{NAME} {error}{_OF_AZURE.get(str(error), '')}; {advice}") from None


def _text(content: bytes) -> str:
    encoding = next((encoding for start, encoding in _ENCODINGS if content.startswith(start)), "utf-8-sig")
    try:
        text = content.decode(encoding).strip()
    except UnicodeDecodeError:
        raise PackageError(
            f"{NAME} is neither UTF-8 nor UTF-16 text; generate and download the package again."
        ) from None
    if _CONTROL.search(text):  # those below are none of XML's anyway
        raise PackageError(f"{NAME} holds control characters; generate and download the package again.")
    return text


def _all(elements: dict[str, list[str]], name: str) -> tuple[str, ...]:
    return tuple(elements.pop(name, ()))


def _one(elements: dict[str, list[str]], name: str) -> str:
    values = sorted(set(_all(elements, name)))
    if len(values) > 1:
        raise PackageError(
            f"{NAME} has {len(values)} different values of {name}, where there is one; "
            "generate and download the package again."
        )
    return values[0] if values else ""


def _items(elements: dict[str, list[str]], name: str) -> tuple[str, ...]:
    """The items of a list, in order and without doubles; cut at commas, semicolons and blanks."""
    items = tuple(dict.fromkeys(item for item in re.split(r"[\s,;]+", " ".join(_all(elements, name))) if item))
    if len(items) > ITEMS_LIMIT:
        raise PackageError(
            f"{NAME} lists {len(items)} {name}, where {ITEMS_LIMIT} are the most that are read; generate and download "
            "the package again."
        )
    return items
