# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the command forms by which a real Mac is asked, and what each answer is held against.

READING is what the module mac_evidence asks of a fleet's Mac: it only reads. The tests add forms on throw-away
keychains and files (tests/conformance/forms.py) and hold all of them against the doubles of the lab.
"""

from __future__ import annotations

from dataclasses import dataclass

# How the answers of two Macs are held against each other, beside the exit code and which of the streams spoke:
LINES = "lines"  # line by line
SHAPES = "shapes"  # line by line, whatever the numbers, hashes, dates and quoted names are
KNOWN = "known"  # each kind of line of the double is one that the real Mac has, too: how many there are differs by Mac
SPOKE = "spoke"  # nothing more
TOLD = "told"  # not even that: no double claims to know it, the answer itself is wanted


@dataclass(frozen=True)
class Form:
    """One command form.

    name     by which docs/fidelity*.md say that it settles a point
    command  sh, in one line; sh/forms.sh defines what it uses
    compare  one of the words above
    root     whether it runs as root, else as whoever logged in
    where    sh: where this fails, the form says nothing of this Mac
    ask      what one person at the Mac is asked to do meanwhile; empty: nobody is needed
    """

    name: str
    command: str
    compare: str = LINES
    root: bool = False
    where: str = ""
    ask: str = ""


_SEATED = '[ -n "$console" ]'
_TOOLS = "awk base64 ifconfig ioreg launchctl log mktemp open profiles ps scutil sed security stat sudo"


def _reads(name: str, command: str, compare: str = TOLD, *, where: str = "", root: bool = True) -> Form:
    return Form(name, command, compare, root, where)


READING: tuple[Form, ...] = (
    _reads("release", "sw_vers", SHAPES, root=False),
    _reads("release: machine", "uname -m", SPOKE, root=False),
    _reads("release: openssl", "openssl version", LINES, root=False),
    _reads("reaching the Mac: login shell and PATH", 'printf "%s %s\\n" "${SHELL:-}" "$PATH"', root=False),
    _reads("reaching the Mac: /bin/sh", "/bin/sh --version", root=False),
    _reads("reaching the Mac: sshd", 'sshd -T | grep -i "^max"'),
    _reads("reaching the Mac: become", "id -u", LINES),
    _reads(
        "reaching the Mac: processes that outlive their connection",
        'ps -ww -o args= -p "$left" | grep -c " mark=$run "',
        LINES,
    ),
    _reads(
        "tools",
        f'for tool in {_TOOLS}; do command -v "$tool" > /dev/null || echo "$tool is missing"; done',
        LINES,
        root=False,
    ),
    _reads("tools: base64 -D", 'printf "YQ==" | base64 -D', LINES, root=False),
    _reads("tools: head -c", "printf abc | head -c 2", LINES, root=False),
    _reads("tools: ps", "ps -ww -o args= -p $$ | tail -c 40", SPOKE, root=False),
    _reads("the screen: owner of /dev/console", "stat -f %Su /dev/console", SPOKE, root=False),
    _reads("the session of this exec", "launchctl managername", TOLD, root=False),
    _reads(
        "the session of the user at the screen",
        'launchctl asuser "$(id -u "$console")" sudo -H -u "$console" launchctl managername',
        LINES,
        where=_SEATED,
    ),
    _reads(
        "profiles, as that user",
        'sudo -H -u "$console" profiles show -type configuration -output stdout-xml | wc -l',
        where=_SEATED,
    ),
    _reads(
        "login keychain: identities",
        'sudo -H -u "$console" security find-identity -p ipsec login.keychain-db | masked',
        KNOWN,
        where=_SEATED,
    ),
    _reads("profiles: tool", "profiles version", SHAPES),
    _reads("profiles: enrolment", 'profiles status -type enrollment | sed "s/\\(server: \\).*/\\1.../"', KNOWN),
    _reads("profiles: first lines", "shown | head -n 3 | cut -c 1-60"),
    _reads("profiles: last line", "shown | tail -n 1 | cut -c 1-60"),
    _reads(
        "profiles: of all accounts",
        'profiles show -type configuration -all -output stdout-xml | grep -c "<key>ProfileIdentifier</key>"',
    ),
    _reads(
        "profiles: keys",
        'shown | sed -n "s/.*<key>\\(.*\\)<\\/key>.*/\\1/p" | grep -E "^(Profile|Payload|_computerlevel)"'
        " | sort | uniq -c",
    ),
    _reads("profiles: are passwords printed", 'shown | grep -c "<key>Password</key>"'),
    _reads("profiles: are PKCS#12 files printed", 'shown | grep -c "<data>"'),
    _reads("System keychain: identities", 'security find-identity -p ipsec "$system" | masked', KNOWN),
    _reads("System keychain: valid identities", 'security find-identity -v -p ipsec "$system" | masked', KNOWN),
    _reads(
        "System keychain: hashes",
        'security find-certificate -a -Z "$system" | sed -n "s/^\\(SHA-[0-9]* hash: \\).*/\\1/p" | sort | uniq -c',
    ),
    _reads("keychain: nothing found", 'security find-certificate -c no.such.certificate "$system"', LINES),
    _reads(
        "trust: administrator settings",
        'security dump-trust-settings -d | sed "s/^\\(Cert [0-9]*: \\).*/\\1.../"',
        TOLD,
    ),
    _reads("trust: who may set it", "security authorizationdb read com.apple.trust-settings.admin", TOLD),
    _reads(
        "access list: programs",
        'ls -d /usr/libexec/nehelper /usr/libexec/nesessionmanager /usr/libexec/neagent "$extension"',
    ),
    _reads("tunnel: services", "scutil --nc list | masked", KNOWN),
    _reads("tunnel: interfaces", 'ifconfig | grep -A 5 "^ipsec"'),
    _reads("tunnel: routes", "netstat -rn -f inet | grep ipsec"),
    _reads("tunnel: resolvers", 'scutil --dns | grep -E "nameserver|if_index"', KNOWN),
    _reads("tunnel: network", 'scutil --nwi | grep -E "REACH|ipsec"', KNOWN),
    _reads("tunnel: provider", "pgrep -x NEIKEv2Provider"),
    _reads("tunnel: other ways to start it", "command -v shortcuts; command -v vpnutil"),
    _reads("tunnel: stored configuration", 'ls -l "$stored"'),
    _reads(
        "tunnel: profiles that it names",
        'shown | sed -n "/<key>ProfileIdentifier</{n;s/.*<string>\\(.*\\)<\\/string>.*/\\1/p;}" | while read -r name; '
        'do grep -Fq "$name" "$stored" && echo named || echo "not named"; done | sort | uniq -c',
    ),
    _reads(
        "tunnel: log",
        'log show --last "${minutes}m" --style compact --predicate \'subsystem == "com.apple.networkextension"\''
        " | tail -n 400",
    ),
)


def asked() -> bytes:
    """READING as evidence.sh takes it: name, condition and command, each on a line of its own."""
    return "".join(f"{form.name}\n{form.where}\n{form.command}\n" for form in READING).encode()
