# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""profiles: what is installed, and out with it; nothing goes in.

Sources: man profiles (verbs and options; since macOS 11 it cannot install); the install message:
chef/chef 10075, mullvad/encrypted-dns-profiles 16; output formats as munki, Fleet and Chef parse them; the line after
an empty plist: NixOS/nix-installer pull request 152. Errors go to standard output (a comment in munki says so).

Not documented anywhere, so assumed: text and code of `remove` for an identifier that is not installed.
"""

from __future__ import annotations

import plistlib
from typing import Any

from ..calls import Call
from ..mac import Profile

USAGE = "profiles: for help use `profiles help` or `man profiles`\n"
VERBS = ("help", "status", "list", "show", "remove", "sync", "renew", "validate", "version", "install")
TYPES = ("configuration", "provisioning", "enrollment", "startup")
VALUES = ("-type", "-user", "-identifier", "-path", "-output")
FLAGS = ("-all", "-forced", "-verbose", "-quiet", "-cached")
NONE = "There are no configuration profiles installed"


class _Usage(Exception):
    """Undocumented usage."""


async def run(call: Call) -> int:  # noqa: PLR0911 (one return per case)
    try:
        verb, options = _parse(call.args)
    except _Usage as error:
        return call.refuse(str(error), USAGE, to_stdout=True)
    if verb == "install":
        call.out(
            "profiles tool no longer supports installs.  "
            f"Use {call.mac.release.settings_app} Profiles to add configuration profiles.\n"
        )
        return 1
    if verb == "version":
        call.out("profiles version: 11.04\n")
        return 0
    if verb == "status" and options.get("-type") == "enrollment":
        enrolled = "Yes (User Approved)" if call.mac.mdm else "No"
        call.out(f"Enrolled via DEP: {'Yes' if call.mac.mdm else 'No'}\nMDM enrollment: {enrolled}\n")
        if call.mac.mdm:
            call.out("MDM server: https://mdm.example.com/mdm\n")
        return 0
    if options.get("-type", "configuration") != "configuration":
        return call.refuse("the lab knows configuration profiles only", USAGE, to_stdout=True)
    verbs = {"show": _show, "list": _show, "remove": _remove}
    if verb not in verbs:
        return call.refuse(f"the lab knows no profiles {verb}", USAGE, to_stdout=True)
    return verbs[verb](call, options, verb)


def _parse(args: list[str]) -> tuple[str, dict[str, str]]:
    if not args or args[0] not in VERBS:
        raise _Usage("a verb is needed")
    verb, *rest = args
    options: dict[str, str] = {}
    while rest:
        word = rest.pop(0)
        if word in FLAGS:
            options[word] = ""
        elif word in VALUES and rest:
            options[word] = rest.pop(0)
        else:
            raise _Usage(f"unknown word {word}")
    if options.get("-type", TYPES[0]) not in TYPES:
        raise _Usage(f"unknown type {options['-type']}")
    return verb, options


def _show(call: Call, options: dict[str, str], verb: str) -> int:
    unknown = options.keys() - {"-type", "-user", "-all", "-output", "-verbose", "-quiet", "-cached"}
    if unknown:
        return call.refuse(f"show and list do not take {sorted(unknown)}", USAGE, to_stdout=True)
    user = options.get("-user")
    if not call.is_root and ("-all" in options or user not in (None, call.user.name)):
        call.out("profiles: this command requires root privileges\n")
        return 1
    if user is not None and user not in call.mac.accounts:
        call.out(f"profiles: the user '{user}' could not be found\n")
        return 1
    with call.mac.lock:
        if "-all" in options:
            found, domain = list(call.mac.profiles), ""
        elif user is None and call.is_root:
            found, domain = [profile for profile in call.mac.profiles if profile.user is None], " in the system domain"
        else:
            owner = user or call.user.name
            found, domain = [profile for profile in call.mac.profiles if profile.user == owner], f" for user '{owner}'"
        return _print(call, options, verb, found, domain)


def _print(call: Call, options: dict[str, str], verb: str, found: list[Profile], domain: str) -> int:
    output = options.get("-output", "stdout")
    if output == "stdout":
        call.out(_text(found, verb) if found else f"{NONE}{domain}\n")
        return 0
    shown: dict[str, list[dict[str, Any]]] = {}
    for profile in found:
        shown.setdefault(profile.user or "_computerlevel", []).append(profile.show())
    plist = plistlib.dumps(shown, sort_keys=True)
    if output == "stdout-xml":
        style = "plist" if found else call.mac.show_nothing
        call.out(plist if style.startswith("plist") else b"")
        call.out(f"{NONE}{domain}\n" if style.endswith("text") else "")
        return 0
    # The tool appends .plist by itself (munki's core.py).
    path = call.path(output if output.endswith(".plist") else output + ".plist")
    path.write_bytes(plist)
    call.mac.own(path, call.user.name)
    return 0


def _text(found: list[Profile], verb: str) -> str:
    lines = []
    for number, profile in enumerate(found, 1):
        who = f"{profile.user or '_computerlevel'}[{number}]"
        attributes = {"profileIdentifier": profile.identifier}
        if verb == "show":
            shown = profile.show()
            attributes = {
                "name": shown["ProfileDisplayName"],
                "configurationDescription": shown.get("ProfileDescription", ""),
                "installationDate": shown["ProfileInstallDate"],
                "organization": shown.get("ProfileOrganization", ""),
                "profileIdentifier": profile.identifier,
                "profileUUID": shown["ProfileUUID"],
                "profileType": "Configuration",
                "removalDisallowed": "TRUE" if shown["ProfileRemovalDisallowed"] == "true" else "FALSE",
                "version": "1",
                "containsComputerItems": "FALSE" if profile.user else "TRUE",
                "internal": "FALSE",
            }
        lines += [f"{who} attribute: {name}: {value}" for name, value in attributes.items()]
    system = sum(profile.user is None for profile in found)
    if system:
        lines.append(f"There are {system} system configuration profiles installed")
    for user in sorted({profile.user for profile in found if profile.user}):
        count = sum(profile.user == user for profile in found)
        lines.append(f"There are {count} user configuration profiles installed for '{user}'")
    return "\n".join(lines) + "\n"


def _remove(call: Call, options: dict[str, str], verb: str) -> int:
    unknown = options.keys() - {"-type", "-identifier", "-user", "-forced", "-verbose", "-quiet"}
    if unknown or "-identifier" not in options:
        return call.refuse("remove -identifier ID [-type configuration] [-user USER] [-forced]", USAGE, to_stdout=True)
    identifier, user = options["-identifier"], options.get("-user")
    if not call.is_root and user not in (None, call.user.name):
        call.out("profiles: this command requires root privileges\n")
        return 1
    owner = user if user else None if call.is_root else call.user.name
    with call.mac.lock:
        profile = call.mac.find_profile(identifier, owner)
        if profile is None:
            call.out(f"profiles: the profile '{identifier}' could not be found\n")
            return 1
        if profile.source == "mdm" or profile.content.get("PayloadRemovalDisallowed"):
            call.out(f"profiles: the profile '{identifier}' is not removable\n")
            return 1
        call.mac.uninstall(profile)
    return 0
