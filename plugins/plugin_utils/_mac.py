# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: asking a Mac, and reading what it answers. Knows nothing of Ansible.

The Mac's half is mac.sh beside this file; the format of its answer is described there.
"""

from __future__ import annotations

import functools
import html
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..module_utils._errors import UserVpnError

COMPUTER_LEVEL = "_computerlevel"


class MacError(UserVpnError):
    """The Mac did not answer as a Mac does, or may not do what was asked."""


@functools.cache
def script(name: str = "mac.sh") -> str:
    """A script that runs on a Mac, without its comments (it travels on the command line)."""
    source = (Path(__file__).parent / name).read_text(encoding="utf-8")
    lines = (line for line in source.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class InstalledProfile:
    """One line of `profiles show`: what macOS says of an installed configuration profile."""

    uuid: str
    scope: str  # System or User
    install_date: str
    verification_state: str
    connections: tuple[tuple[str, bool], ...] = ()  # the name of each VPN in it, and whether it has On Demand

    def as_dict(self) -> dict[str, Any]:
        return {
            "uuid": self.uuid,
            "scope": self.scope,
            "install_date": self.install_date,
            "verification_state": self.verification_state,
            "connection_names": [name for name, _on_demand in self.connections],
            "on_demand": any(on_demand for _name, on_demand in self.connections),
        }


@dataclass(frozen=True)
class MacState:
    """Everything one exec tells of a Mac."""

    macos_version: str
    build: str
    serial_number: str
    user: str
    uid: int
    console_user: str
    enrolled_by_mdm: bool
    mdm_user_approved: bool
    enrolled_by_dep: bool
    profiles: tuple[InstalledProfile, ...]
    certificates: frozenset[str]  # SHA-1, upper-case hex
    fingerprints: frozenset[str]  # SHA-256 of the same certificates
    identities: frozenset[str]
    tunnels: tuple[tuple[str, str], ...]  # interface, address
    vpnutil: bool  # the third-party command of that name is there
    leftover: str  # the user in whose folder an earlier run left a staged profile
    has_key: bool  # a private key lies on the disk, for a profile that is not installed yet
    csr: str  # PEM; read by the verbs about that key only
    stage: str
    message: str
    disconnect: str  # why the last connection ended, see _disconnects.py
    named: tuple[str, ...]  # certificates of the name that `look` was given, base64 of DER
    trusted: frozenset[int]  # which of the roots that `look` was given this Mac trusts, by position

    @property
    def privileged(self) -> bool:
        return self.uid == 0

    @property
    def settings_pane(self) -> str:
        """What `open` is given so that the pane with the downloaded profile comes up."""
        if self.major_version < 13:
            return "/System/Library/PreferencePanes/Profiles.prefPane"
        return "x-apple.systempreferences:com.apple.Profiles-Settings.extension"

    @property
    def settings_path(self) -> str:
        """Where the person finds the downloaded profile, in that macOS's own words."""
        if self.major_version < 13:
            return "System Preferences > Profiles"
        if self.major_version < 15:
            return "System Settings > Privacy & Security > Profiles"
        return "System Settings > General > Device Management"

    @property
    def major_version(self) -> int:
        return int(self.macos_version.split(".")[0])

    def profile(self, scope: str | None = None) -> InstalledProfile | None:
        """The installed profile with our identifier; in any scope when none is named."""
        return next((profile for profile in self.profiles if scope in (None, profile.scope)), None)


def read_answer(stdout: str, mark: str) -> MacState:
    """Read what mac.sh printed between its marks; MacError when that is not a whole answer of a Mac."""
    lines = stdout.splitlines()
    first, last = f"begin {mark}", f"end {mark}"
    if first not in lines or last not in lines:
        raise MacError("The answer of the Mac is not complete: the connection was lost, or its shell ended early.")
    pairs = [line.partition("=")[::2] for line in lines[lines.index(first) + 1 : lines.index(last)]]
    answer: dict[str, list[str]] = {}
    for key, value in pairs:
        answer.setdefault(key, []).append(value)

    def one(key: str) -> str:
        return answer.get(key, [""])[-1]

    version = one("macos_version")
    if not version.split(".")[0].isdecimal() or not one("uid").isdecimal():
        raise MacError(
            f"This host does not answer as a Mac does (sw_vers and id gave nothing usable with PATH {one('path')}); "
            "take it out of the group, or put macOS's own tools first in its PATH."
        )
    if one("profiles_error"):
        raise MacError(f"`profiles show` failed on the Mac: {one('profiles_error')}")
    enrolment = dict(line.partition(": ")[::2] for line in answer.get("enrollment", []))
    return MacState(
        macos_version=version,
        build=one("build"),
        serial_number=one("serial_number"),
        user=one("user"),
        uid=int(one("uid")),
        console_user=one("console_user"),
        enrolled_by_mdm=enrolment.get("MDM enrollment", "").startswith("Yes"),
        mdm_user_approved="User Approved" in enrolment.get("MDM enrollment", ""),
        enrolled_by_dep=enrolment.get("Enrolled via DEP", "").startswith("Yes"),
        profiles=tuple(_profiles(answer.get("profile", []))),
        certificates=frozenset(answer.get("certificate", [])),
        fingerprints=frozenset(answer.get("fingerprint", [])),
        identities=frozenset(answer.get("identity", [])),
        tunnels=tuple(_tunnels(answer.get("tunnel", []))),
        vpnutil=one("vpnutil") == "1",
        leftover=one("leftover"),
        has_key="key" in answer,
        csr="".join(f"{line}\n" for line in answer.get("csr", [])),
        stage=one("stage"),
        message=one("message"),
        disconnect=one("disconnect"),
        named=tuple(answer.get("named", [])),
        trusted=frozenset(int(number) for number in answer.get("trusted", []) if number.isdecimal()),
    )


def _profiles(lines: Iterable[str]) -> Iterable[InstalledProfile]:
    for line in lines:
        fields = [html.unescape(field) for field in line.split("\t")]
        if len(fields) >= 4 and fields[1]:
            scope = "System" if fields[0] == COMPUTER_LEVEL else "User"
            connections = tuple((name, switch == "1") for name, switch in zip(fields[4::2], fields[5::2], strict=False))
            yield InstalledProfile(fields[1].upper(), scope, fields[2], fields[3], connections)


def _tunnels(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        interface, _tab, address = line.partition("\t")
        try:
            yield interface, str(ipaddress.ip_address(address))
        except ValueError:
            continue


def facts(state: MacState) -> dict[str, Any]:
    """The part of a result that every Mac-side module returns."""
    profile = state.profile()
    interface, address = state.tunnels[0] if state.tunnels else ("", "")
    others = [{"interface": name, "address": value} for name, value in state.tunnels[1:]]
    return {
        "macos_version": state.macos_version,
        "build": state.build,
        "serial_number": state.serial_number,
        "console_user": state.console_user,
        "privileged": state.privileged,
        "enrolment": {
            "mdm": state.enrolled_by_mdm,
            "user_approved": state.mdm_user_approved,
            "dep": state.enrolled_by_dep,
        },
        "profile": profile.as_dict() if profile else {},
        "certificates": sorted(state.certificates),
        "identities": sorted(state.identities),
        "vpnutil": state.vpnutil,
        "tunnel": {"connected": bool(state.tunnels), "interface": interface, "address": address, "others": others},
    }
