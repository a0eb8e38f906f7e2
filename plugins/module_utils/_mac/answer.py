# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what a Mac answers, and what it means.

The Mac's half is the sh beside this file. What does not look as KEYS says counts as not said: whoever administers a
Mac, or names an account on it, may try to make the controller believe something else.
"""

from __future__ import annotations

import ipaddress
import json
import re
import sys
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._errors import UserVpnError, shortened
from .._text import cleaned
from .releases import Release, release

COMPUTER_LEVEL = "_computerlevel"
SYSTEM, USER = "System", "User"

ANSWER_LIMIT = 4 * 1024 * 1024
VALUES_LIMIT = 4000  # of one key: certificates in a keychain
CONNECTIONS_LIMIT = 100  # VPNs in one profile
TEXT_LIMIT = 300

_TEXT = re.compile(r"(?s).*")
_NUMBER = re.compile(r"[0-9]{1,9}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{1,65536}={0,2}")
_HASH = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")

#: Every key of an answer, and the form of its value. Those of `evidence` are none: see evidence.py.
KEYS: dict[str, re.Pattern[str]] = {
    # of each verb
    "path": _TEXT,
    "user": _TEXT,
    "uid": re.compile(r"[0-9]{1,10}"),
    "console_user": _TEXT,
    "macos_version": re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4}){0,3}"),
    "build": _TEXT,
    "serial_number": _TEXT,
    "enrollment": _TEXT,
    "profile": _TEXT,  # whose, UUID, date, state; name and On Demand switch of each VPN; between tabs
    "profiles_error": _TEXT,
    "keychain_error": _TEXT,
    "certificate": _HASH,  # SHA-1
    "fingerprint": _HASH,  # SHA-256
    "identity": _HASH,  # SHA-1
    "vpnutil": _NUMBER,  # 1: it is there
    "services": re.compile(r".{0,65536}"),  # know; what vpnutil says of all VPNs, in one line
    "tunnel": re.compile(r"ipsec[0-9]{1,5}\t[0-9.]{7,15}"),
    "key": _NUMBER,  # 1: a private key lies on the disk
    "dropped": _NUMBER,  # 1: one that lay there was taken away, for the keychain has it now
    # of those that stage something
    "leftover": _TEXT,
    "stuck": _NUMBER,  # 1: the leftover could not be removed
    "stuck_by": _TEXT,  # why, in the tool's words
    # of those that do something
    "stage": re.compile(r"[a-z_]{1,30}"),  # how far it came
    "offered_to": _TEXT,  # in whose session a profile was opened
    "message": _TEXT,  # why not further, in the tool's words
    "waiting": _NUMBER,  # seconds; written so that a lost connection is noticed
    # of one verb each
    "disconnect": re.compile(r"[A-Za-z0-9 ,-]{1,100}"),  # connect; see disconnects.py
    "named": _BASE64,  # look
    "whole": _BASE64,  # know
    "trusted": _NUMBER,  # look
    "csr": re.compile(r"[A-Za-z0-9+/= -]{1,100}"),  # csr, make_key, drop_key: a line of PEM
}


NOT_TOLD = (
    "known is not what mac_info, mac_profile or mac_key returned of this Mac: give their result as it is, or leave "
    "known out."
)


class MacError(UserVpnError):
    """The Mac did not answer as a Mac does, or may not do what was asked."""


@dataclass(frozen=True)
class InstalledProfile:
    """One line of `profiles show`: what macOS says of an installed configuration profile."""

    uuid: str
    scope: str  # SYSTEM or USER
    install_date: str
    verification_state: str
    connections: tuple[tuple[str, bool], ...] = ()  # the name of each VPN in it, and whether it has On Demand
    user: str = ""  # whose it is; empty: the computer's

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
    profiles: tuple[InstalledProfile, ...]  # the computer's, or of whom this was about: who is at the screen
    elsewhere: tuple[InstalledProfile, ...]  # of other accounts
    keychain_error: str  # why it could not be read, in the tool's words
    certificates: frozenset[str]  # SHA-1, upper-case hex
    fingerprints: frozenset[str]  # SHA-256 of the same certificates
    identities: frozenset[str]
    whole: tuple[str, ...]  # the certificates of these, base64 of DER, where they were asked for
    tunnels: tuple[tuple[str, str], ...]  # interface, address
    vpnutil: bool  # the third-party command of that name is there
    services: frozenset[str] | None  # the VPNs that it sees; None where it was not asked, or did not say
    leftover: str  # the user in whose folder an earlier run left a staged profile
    stuck: bool  # and it could not be removed
    stuck_by: str  # why
    has_key: bool  # a private key lies on the disk, for a profile that is not installed yet
    dropped: bool  # one that lay there was taken away, for the keychain has it now
    csr: str  # PEM; read by the verbs about that key only
    stage: str
    offered_to: str  # in whose session a profile was opened
    message: str
    disconnect: str  # why the last connection ended, see disconnects.py
    named: tuple[str, ...]  # certificates of the name that `look` was given, base64 of DER
    trusted: frozenset[int]  # which of the roots that `look` was given this Mac trusts, by position

    @property
    def swept(self) -> bool:
        """Whether what an earlier run left is removed, or would be in a real run."""
        return bool(self.leftover) and not self.stuck

    @property
    def reason(self) -> str:
        """Why it came no further, for the end of a sentence without its full stop."""
        return self.message.rstrip(".") or "the Mac gave no reason"

    def require_no_key(self) -> None:
        """MacError where one still lies on the disk that was to go."""
        if self.has_key:
            raise MacError(f"The private key on the disk of this Mac could not be removed: {self.reason}.")

    @property
    def privileged(self) -> bool:
        return self.uid == 0

    @property
    def release(self) -> Release:
        return release(self.macos_version)

    def profile(self, scope: str | None = None) -> InstalledProfile | None:
        """The installed profile with our identifier; in any scope when none is named."""
        return next((profile for profile in self.profiles if scope in (None, profile.scope)), None)

    def shows(self, uuid: str, scope: str) -> bool:
        """Whether this very version of the profile is installed."""
        profile = self.profile(scope)
        return profile is not None and profile.uuid == uuid

    def may(self, scope: str) -> bool:
        """Whether the user of this exec may read and change what belongs to this scope."""
        return self.privileged or (scope == USER and self.user == self.console_user)


def require_privilege(state: MacState, scope: str, deed: str) -> None:
    """MacError unless the user of this exec may do the deed, in words, to what is of this scope."""
    if not state.may(scope):
        raise MacError(
            f"{state.user or 'This user'} may not {deed}: set become: true (and ansible_become_password where sudo "
            "asks for one)."
        )


def between_marks(stdout: str, mark: str) -> list[str]:
    """The lines of a whole answer; MacError when it is not whole. Only a line feed ends a line."""
    if f"terminal {mark}" in stdout:
        raise MacError(
            "This connection gives the Mac's commands a terminal, which shows and alters what is sent to them: take "
            "RequestTTY, -t and -tt out of ansible_ssh_args, ansible_ssh_common_args, ansible_ssh_extra_args and the "
            "ssh_config of this controller. Nothing was sent."
        )
    if len(stdout) > ANSWER_LIMIT:
        raise MacError(f"The answer of this host has more than {ANSWER_LIMIT} characters, which no Mac's has.")
    lines = stdout.split("\n")
    first, last = f"begin {mark}", f"end {mark}"
    if first not in lines or last not in lines:
        raise MacError("The answer of the Mac is not complete: the connection was lost, or its shell ended early.")
    return lines[lines.index(first) + 1 : lines.index(last)]


def read_answer(stdout: str, mark: str) -> MacState:
    """What the sh printed between its marks; MacError when that is not a whole answer of a Mac."""
    answer: dict[str, list[str]] = {key: [] for key in KEYS}
    for line in between_marks(stdout, mark):
        key, _sign, value = line.partition("=")
        if key in KEYS and len(answer[key]) < VALUES_LIMIT and KEYS[key].fullmatch(value):
            answer[key].append(value)

    def one(key: str) -> str:
        return _shown(answer[key][0]) if answer[key] else ""

    if not one("macos_version") or not one("uid"):
        raise MacError(
            f"This host does not answer as a Mac does (sw_vers and id gave nothing usable with PATH {one('path')}); "
            "take it out of the group, or put macOS's own tools first in its PATH."
        )
    if one("profiles_error"):
        raise MacError(f"`profiles show` failed on the Mac: {one('profiles_error')}")
    enrolment = dict(line.partition(": ")[::2] for line in answer["enrollment"])
    # Of a user's profiles that of the user at the screen counts; who is not root sees own ones alone.
    whose = ("", one("console_user") if one("uid") == "0" else one("user"))
    profiles = tuple(_profiles(answer["profile"]))
    return MacState(
        macos_version=one("macos_version"),
        build=one("build"),
        serial_number=one("serial_number"),
        user=one("user"),
        uid=int(one("uid")),
        console_user=one("console_user"),
        enrolled_by_mdm=enrolment.get("MDM enrollment", "").startswith("Yes"),
        mdm_user_approved="User Approved" in enrolment.get("MDM enrollment", ""),
        enrolled_by_dep=enrolment.get("Enrolled via DEP", "").startswith("Yes"),
        profiles=tuple(each for each in profiles if each.user in whose),
        elsewhere=tuple(each for each in profiles if each.user not in whose),
        keychain_error=one("keychain_error"),
        certificates=frozenset(answer["certificate"]),
        fingerprints=frozenset(answer["fingerprint"]),
        identities=frozenset(answer["identity"]),
        whole=tuple(answer["whole"]),
        tunnels=tuple(_tunnels(answer["tunnel"])),
        vpnutil=one("vpnutil") == "1",
        services=_services("".join(answer["services"][:1])),
        leftover=one("leftover"),
        stuck=one("stuck") == "1",
        stuck_by=one("stuck_by"),
        has_key=one("key") == "1" and one("dropped") != "1",
        dropped=one("dropped") == "1",
        csr="".join(f"{line}\n" for line in answer["csr"]),
        stage=one("stage"),
        offered_to=one("offered_to"),
        message=one("message"),
        disconnect=one("disconnect"),
        named=tuple(answer["named"]),
        trusted=frozenset(map(int, answer["trusted"])),
    )


def _shown(text: str) -> str:
    return str(cleaned(shortened(text, TEXT_LIMIT), keep=""))


def _profiles(lines: Iterable[str]) -> Iterable[InstalledProfile]:
    for line in lines:
        fields = [_shown(_unescape(field)) for field in line.split("\t")[: 4 + 2 * CONNECTIONS_LIMIT]]
        if len(fields) >= 4 and fields[1]:
            user = "" if fields[0] == COMPUTER_LEVEL else fields[0]
            connections = tuple((name, switch == "1") for name, switch in zip(fields[4::2], fields[5::2], strict=False))
            scope = USER if user else SYSTEM
            yield InstalledProfile(fields[1].upper(), scope, fields[2], fields[3], connections, user)


_NAME = re.compile(r'"name" *: *("(?:[^"\\]|\\.)*")')


def _services(said: str) -> frozenset[str] | None:
    """The names in what `vpnutil list` says (Timac/VPNStatus, vpnutil/main.m).

    It prints `{"VPNs": [{"name": ..., "status": ...}]}`, and an empty dictionary whether there is none or it could not
    look: only "Could not find any VPN" on standard error tells the two apart.
    """
    try:
        names = frozenset(map(json.loads, _NAME.findall(said)))
    except ValueError:
        return None
    none = "Could not find any VPN" in said and "Failed to load" not in said
    return names if names or none else None


_ENTITY = re.compile(r"&(?:(amp|lt|gt|quot|apos)|#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6}));")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


def _unescape(text: str) -> str:
    """The text of a property list's string: the entities of XML, which are fewer than those of HTML."""

    def character(match: re.Match[str]) -> str:
        if match[1]:
            return _ENTITIES[match[1]]
        number = int(match[2]) if match[2] else int(match[3], 16)
        return chr(number) if number <= sys.maxunicode else match[0]

    return _ENTITY.sub(character, text)


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
        "other_users": sorted({each.user for each in state.elsewhere}),
        "certificates": sorted(state.certificates),
        "identities": sorted(state.identities),
        "vpnutil": state.vpnutil,
        "tunnel": {"connected": bool(state.tunnels), "interface": interface, "address": address, "others": others},
    }


def whole_identities(state: MacState) -> dict[str, list[str]]:
    """The certificates of the identities, for a result; nothing where none were asked for, or there are none."""
    texts = ("\n".join(textwrap.wrap(text, 64)) for text in state.whole)
    pems = [f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n" for text in texts]
    return {"identity_certificates": pems} if pems else {}


def recalled(known: Mapping[str, Any]) -> MacState | None:
    """What a module has told before of this Mac, as it told it: the inverse of `facts`. None when there is nothing of
    that kind in it; MacError for anything that no module returns."""
    if "tunnel" not in known:
        return None
    try:
        state = _recalled(known)
        told = facts(state)
        if told != {name: known[name] for name in told}:
            raise ValueError
    except (AttributeError, KeyError, TypeError, ValueError):
        raise MacError(NOT_TOLD) from None
    return state


def _recalled(known: Mapping[str, Any]) -> MacState:
    enrolment, profile, tunnel = known["enrolment"], known["profile"], known["tunnel"]
    found = [tunnel, *tunnel["others"]] if tunnel["connected"] else []
    return MacState(
        macos_version=_string(known["macos_version"]),
        build=_string(known["build"]),
        serial_number=_string(known["serial_number"]),
        user="",
        uid=0 if known["privileged"] else 1,
        console_user=_string(known["console_user"]),
        enrolled_by_mdm=bool(enrolment["mdm"]),
        mdm_user_approved=bool(enrolment["user_approved"]),
        enrolled_by_dep=bool(enrolment["dep"]),
        profiles=(_installed(profile),) if profile else (),
        elsewhere=tuple(InstalledProfile("", USER, "", "", (), _string(user)) for user in known["other_users"]),
        keychain_error="",
        certificates=frozenset(known["certificates"]),
        fingerprints=frozenset(),
        identities=frozenset(known["identities"]),
        whole=(),
        tunnels=tuple((_string(each["interface"]), str(ipaddress.ip_address(each["address"]))) for each in found),
        vpnutil=bool(known["vpnutil"]),
        services=None,
        leftover="",
        stuck=False,
        stuck_by="",
        has_key=bool(known.get("key_on_disk")),
        dropped=False,
        csr="",
        stage="",
        offered_to="",
        message="",
        disconnect="",
        named=(),
        trusted=frozenset(),
    )


def _installed(profile: Mapping[str, Any]) -> InstalledProfile:
    """The inverse of `as_dict`; which of several VPNs has On Demand is not told."""
    return InstalledProfile(
        uuid=_string(profile["uuid"]),
        scope=_string(profile["scope"]),
        install_date=_string(profile["install_date"]),
        verification_state=_string(profile["verification_state"]),
        connections=tuple((_string(name), bool(profile["on_demand"])) for name in profile["connection_names"]),
    )


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
