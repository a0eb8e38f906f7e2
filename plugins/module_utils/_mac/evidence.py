# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what evidence.sh has seen on a Mac, made fit to be shown to others.

What profiles hold has been counted on the Mac already; here names, addresses and whatever
looks like key material go, so that a mistake there still shows nothing.
"""

from __future__ import annotations

import functools
import ipaddress
import itertools
import re
from collections.abc import Iterable

from .._text import cleaned
from .answer import MacError, between_marks

# Accounts that every Mac or every second one has: they name nobody.
NOBODY = frozenset(
    {
        "root",
        "admin",
        "administrator",
        "loginwindow",
        "shared",
        "guest",
        "daemon",
        "_mbsetupuser",
        ".localized",
        "localhost",
    }
)
_PEM = re.compile(r"-----BEGIN .*?(?:-----END [^\n]*?-----|\Z)", re.DOTALL)
_DATA = re.compile(r"<data>.*?(?:</data>|\Z)", re.DOTALL)
_PLIST_SECRET = re.compile(
    r"(<key>[^<]*(?:password|secret|passphrase|PPK)[^<]*</key>[\s|]*)<string>.*?(?:</string>|\Z)", re.DOTALL | re.I
)
_SECRET = re.compile(
    r"((?:password|passphrase|secret|passwd|psk)[\w ]{0,20}[\"']?[ \t]*[:=])[ \t]*\S[^\n]*", re.IGNORECASE
)
_URL = re.compile(r"\b[a-z][a-z0-9+.-]{0,30}://[^\s\"'<>]+", re.IGNORECASE)
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+")
_GATEWAY = re.compile(r"(?<![\w-])[\w-]{1,63}(?:\.[\w-]{1,63}){0,3}\.vpn\.azure\.(com|us|cn)", re.IGNORECASE)
_HARDWARE = re.compile(r"(?<![\w:])(?:[0-9a-f]{1,2}:){5}[0-9a-f]{1,2}(?![\w:])", re.IGNORECASE)
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)")
_IPV6 = re.compile(r"(?<![\w:])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])", re.IGNORECASE)
_HOME = re.compile(r"(/Users/)(?!Shared\b)[^/\s\"']+")
# A SHA-256 has 64 hex digits and may stay; keys and PKCS#12 are longer in any writing.
_BLOB = re.compile(r"[A-Za-z0-9+/=_-]{65,}")


LINGER_SECONDS = 120  # a login over a slow line takes a few

LINE_LIMIT = 2000
LINES_LIMIT = 50_000  # each of some sixty commands may say 400
NAMES_LIMIT = 1000


def left(stdout: str, mark: str) -> str:
    """The number of the process that linger.sh has left running; MacError when it is not told."""
    found = [line for line in between_marks(stdout, mark) if re.fullmatch(r"left=[0-9]{1,9}", line)]
    if not found:
        raise MacError("The Mac does not say what it has left running: run again.")
    return found[0].removeprefix("left=")


def read(stdout: str, mark: str) -> tuple[list[str], str]:
    """(names to hide, everything seen) of evidence.sh's answer; MacError when it is not whole."""
    inside = between_marks(stdout, mark)
    names = [line.removeprefix("hide=") for line in inside if line.startswith("hide=")]
    if len(names) > NAMES_LIMIT or len(inside) > LINES_LIMIT:
        raise MacError("This Mac says more than any does, or names more accounts: nothing was written.")
    # A line of another shape is none of evidence.sh's (a shell that talks between): it is dropped.
    return names, "\n".join(line for line in inside if line.startswith(("? ", "$ ", "| ", "= ")))


def redact(text: str, names: Iterable[str] = ()) -> str:
    """The text without what names a person or a Mac, without public addresses, and without anything like a key."""
    text = _PEM.sub("<PEM removed>", text)
    text = _DATA.sub("<data removed>", text)
    text = _PLIST_SECRET.sub(r"\1<string removed>", text)
    text = _SECRET.sub(r"\1 <removed>", text)
    text = _URL.sub("<URL>", text)
    text = _MAIL.sub("<mail address>", text)
    text = _GATEWAY.sub(r"<gateway>.vpn.azure.\1", text)
    text = _BLOB.sub(_blob, text)
    text = _HARDWARE.sub("<hardware address>", text)
    text = _IPV4.sub(_address, text)
    text = _IPV6.sub(_address, text)
    text = _any_of(frozenset(names)).sub("<name>", text)
    return _HOME.sub(r"\1<name>", text)


@functools.lru_cache(maxsize=1)
def _any_of(names: frozenset[str]) -> re.Pattern[str]:
    """Each of the names that names somebody, as a word of its own, the longest first."""
    telling = {name.strip() for name in names if len(name.strip()) > 1 and name.strip().lower() not in NOBODY}
    words = "|".join(re.escape(name) for name in sorted(telling, key=lambda name: (-len(name), name)))
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)" if words else r"(?!)", re.IGNORECASE)


def _blob(match: re.Match[str]) -> str:
    # Lines that tools draw, and macOS's own long paths, are no key material.
    text = match[0]
    if not text.strip("=-_+") or text.startswith(("/System/Library/", "/Library/Preferences/")):
        return text
    return f"<{len(text)} characters>"


def _address(match: re.Match[str]) -> str:
    """Addresses that mean something outside this network are hidden; those of the pool tell what the tunnel got."""
    try:
        address = ipaddress.ip_address(match[0])
    except ValueError:
        return match[0]
    return "<public address>" if address.is_global else match[0]


HEAD = """\
What one Mac says to the open points of docs/fidelity-macos.md of the Ansible collection vwan.user_vpn.

Nothing was changed on the Mac. Names, public addresses and whatever looks like key material were taken out; what
profiles hold was only counted. Please read it all before you attach it to a report, and take out what else is nobody's
business. Behind "?" stands the point, behind "$" the command, behind "|" what it said, behind "=" its exit status.

"""

TAIL = """

Not collected, because it takes a person, changes something, or needs a gateway. If you can, please add what you saw:

- Did the settings pane come to the front when the profile was offered, with the screen locked, and with several users
  logged in?
- How long did a downloaded profile wait, and did a second one take its place?
- `sudo profiles remove -identifier no.such; echo $?`
- Did the first connect ask for the key of the certificate? After a profile; after an import into the keychain.
- After a renewal: was the new certificate used, and did the live tunnel survive?
- Does On Demand connect before anybody has logged in?
- 8 and 24 hours, sleep, another network; which disconnect code came with which cause?
- `security import` of the same identity twice, with and without `-f pkcs12`; one with PBES2.
- `security verify-cert -c LEAF -p IPSec -L` of the gateway's certificate.
"""


def report(stdout: str, mark: str, names: Iterable[str] = ()) -> str:
    """The whole file. `names` are those that the controller knows of the Mac, beside those that the Mac names."""
    hidden, seen = read(stdout, mark)
    hide = [*hidden, *names]
    blocks = itertools.groupby(seen.split("\n"), lambda line: line.startswith("| "))
    return HEAD + "".join(_block(list(lines), said, hide) for said, lines in blocks) + TAIL


def _block(lines: list[str], said: bool, hide: list[str]) -> str:
    """What the Mac said, redacted; the commands and topics around it are ours, and nothing of the Mac's."""
    lines = [cleaned(line.removeprefix("| ")[:LINE_LIMIT], keep="\t") for line in lines]
    if said:
        lines = redact("\n".join(lines), hide).split("\n")
    return "".join(f"| {line}\n" if said else f"{line}\n" for line in lines)
