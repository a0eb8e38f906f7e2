# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what an MDM can be asked, whichever it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Capabilities:
    """What a server can do. docs/mdm.md shows it as a table."""

    finds_by_serial: bool  # a Mac by its serial number; else by its UDID
    reads_content: bool  # the profile that it holds
    reads_version: bool  # which version is on a Mac
    per_mac_profile: bool  # a profile for one Mac alone
    shared_profile: bool  # one profile for many
    lists_certificates: bool  # those on a Mac, with their thumbprints
    inventory: bool  # all Macs
    keeps_profile: bool  # a Mac gets it as it was rendered, with its identifier and UUIDs, so that it can be asked


@dataclass(frozen=True)
class Device:
    """A Mac as the MDM knows it. Times are ISO 8601 in UTC, empty where they are not known."""

    id: str
    serial_number: str
    name: str = ""
    udid: str = ""
    macos: str = ""
    last_seen: str = ""
    user: str = ""
    groups: tuple[str, ...] = ()
    managed: bool = True
    profiles: frozenset[str] | None = None  # identifiers of what its last inventory shows; None where there is none
    reference: str = ""  # by which the MDM's commands name it


@dataclass(frozen=True)
class Target:
    """Which of our profiles: by its identifier, and for one Mac alone by what the server finds that Mac by."""

    identifier: str
    mac: str = ""  # its serial number, or its UDID


@dataclass(frozen=True)
class Profile:
    """A rendered profile."""

    identifier: str
    version: str  # its PayloadUUID
    display_name: str
    document: Mapping[str, Any] = field(repr=False)
    raw: bytes = field(repr=False)  # the file, with its signature if it has one
    secret: bool  # whether a private key is in it


@dataclass(frozen=True)
class Scope:
    """Whom a profile reaches: Macs by the MDM's ids, and in words what else."""

    devices: frozenset[str] = frozenset()
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Held:
    """A profile of ours as the MDM holds it."""

    id: str
    target: Target
    name: str
    version: str  # that of the profile it was last written from
    identifier: str  # by which Macs know it
    document: Mapping[str, Any] = field(repr=False)  # empty where the server gives no content back
    scope: Scope = Scope()
    already: bool = False  # what was to be written was there: the server has only said so when it was to be written


@dataclass(frozen=True)
class Report:
    """How far a profile has come on one Mac: `queued`, `pending`, `installed`, `removed`, `failed` or `absent`.

    `error` is what the Mac says, or else why the Mac has not been told; `msg` what there is to do. `final` where asking
    once more will tell no more.
    """

    state: str
    error: str = ""
    msg: str = ""
    final: bool = False


@dataclass(frozen=True)
class ListedCertificate:
    """A certificate on a Mac whose private key it has, as the MDM's inventory lists it. Empty where that says nothing.

    sha1        of its DER, upper-case hex, as Azure knows it
    serial      upper-case hex
    issuer      the issuer's common name
    subject     the whole name, as the MDM writes it
    not_before  ISO 8601 in UTC, as not_after
    """

    sha1: str
    serial: str = ""
    common_name: str = ""
    issuer: str = ""
    not_after: str = ""
    subject: str = ""
    not_before: str = ""


class Server(Protocol):
    """One MDM. Every method may raise MdmError; RefusedError concerns its arguments alone."""

    NAME: str
    CAPABILITIES: Capabilities

    @classmethod
    def connect(
        cls,
        given: Mapping[str, Any],
        environment: Mapping[str, str],
        say: Callable[[str], None],
        mask: Callable[[str], None],
    ) -> Server:
        """The server that the option `server` describes; UserVpnError when something is missing. No call is made yet.

        `say` shows a line while somebody waits, and `mask` is told each secret.
        """

    def devices(self, numbers: Sequence[str]) -> list[Device]:
        """The Macs with these serial numbers; with these UDIDs, where it does not find them by the former."""

    def all_devices(self) -> list[Device]:
        """All Macs."""

    def obstacle(self, device: Device, target: Target) -> str:
        """Why this profile cannot reach that Mac, in a sentence; empty when it can."""

    def held(self, target: Target) -> Held | None:
        """What it holds for this target, as it stands now."""

    def create(self, target: Target, profile: Profile) -> Held:
        """Make it hold a profile that reaches nobody yet."""

    def replace(self, held: Held, profile: Profile) -> Held:
        """Put another content into the place of one."""

    def assign(self, held: Held, devices: Collection[str]) -> Held:
        """Let it reach these Macs, and no other."""

    def delete(self, held: Held) -> None:
        """Forget it."""

    def reports(self, delivered: Sequence[tuple[Device, Held]]) -> dict[str, Report]:
        """By device id, how far each has come. No Mac is in there twice."""

    def resend(self, device: Device, held: Held, *, check: bool) -> bool:
        """Have a Mac that has refused this profile try once more; with `check`, only say whether that can be."""

    def certificates(self, devices: Sequence[Device]) -> dict[str, list[ListedCertificate]]:
        """By device id, what its last inventory lists. Only where CAPABILITIES.lists_certificates."""

    def close(self) -> None:
        """End the session."""
