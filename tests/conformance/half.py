# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The half that runs on a Mac: joined from sh, sent on stdin, and its answer read."""

from __future__ import annotations

import base64
import re
import secrets
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.vwan.user_vpn.plugins.module_utils._mac import shell
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.forms import Form

FOLDER = Path(__file__).parent / "sh"
LIMIT = 120  # seconds for one form; a person has five minutes
PERSON_LIMIT = 300
TIMED_OUT = 143  # ended by SIGTERM

# Given as arguments, which the lab turns to its own disk, and a real Mac takes as they are.
PLACES = ("library=/Library", "users=/Users")


class HalfError(Exception):
    """A Mac did not answer as half.sh does."""


@dataclass(frozen=True)
class Said:
    """What one form said: exit code, both streams, and the files that lay there afterwards (name -> mode)."""

    status: int
    out: bytes
    err: bytes
    files: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What one run of the half said. A form that does not apply there is in neither `said` nor unanswered."""

    names: list[str]
    account: str
    said: dict[int, Said]
    absent: set[int]


@dataclass(frozen=True)
class Script:
    """What is sent: words behind `/bin/sh -s`, the text, and the mark."""

    words: list[str]
    text: str
    mark: str


def _part(path: Path) -> str:
    lines = (line for line in path.read_text(encoding="utf-8").split("\n"))
    return "\n".join(line for line in lines if line.strip() and not line.lstrip().startswith("#"))


def _script(body: str, arguments: Mapping[str, str | int]) -> Script:
    mark = secrets.token_hex(8)
    words = [f"{name}={value}" for name, value in {"mark": mark, **arguments}.items()]
    head = 'set -u\nfor word; do eval "${word%%=*}=\\${word#*=}"; done\n'
    forms = _part(shell.FOLDER / "forms.sh")
    # In braces: it is read to its end before any of it runs, for nothing here may read its own script.
    return Script([*PLACES, *words], f"{{\n{head}{forms}\n{body}\nexit\n}} < /dev/null\n", mark)


def forms_script(
    forms: Sequence[tuple[int, Form]], materials: Mapping[str, bytes], variables: Mapping[str, str | int]
) -> Script:
    """The run of forms, by their numbers, with these files lying there."""
    limit = PERSON_LIMIT if any(form.ask for _number, form in forms) else LIMIT
    lines = [_part(FOLDER / "half.sh"), "begin"]
    for name, content in materials.items():
        lines.append(f"put {name} << 'end'\n{base64.encodebytes(content).decode()}end")
    lines += [f"form {number} {shlex.quote(form.where)} {shlex.quote(form.command)}" for number, form in forms]
    defaults: dict[str, str | int] = {"limit": limit, "left": "", "run": "", "minutes": 60, "again": ""}
    return _script("\n".join([*lines, "finish"]), defaults | dict(variables))


def look_script(ending: str = "") -> Script:
    """The look at what could be left; `ending` is the mark of a run that is over, whatever it thinks."""
    return _script(_part(FOLDER / "look.sh"), {"ending": ending})


def between(output: bytes, mark: str) -> list[str]:
    """The lines between the marks; HalfError when they are not all there."""
    text = output.decode("utf-8", "surrogateescape")
    _before, begin, rest = text.partition(f"begin {mark}\n")
    inside, end, _after = rest.partition(f"end {mark}\n")
    if not begin or not end:
        raise HalfError("it did not answer to the end")
    return inside.split("\n")[:-1]


def read(output: bytes, mark: str) -> Answer:
    """What a run of forms said."""
    lines = between(output, mark)
    if "sizes" not in lines or "bytes" not in lines:
        raise HalfError("it did not answer to the end")
    head, rest = lines[: lines.index("sizes")], lines[lines.index("sizes") + 1 :]
    sizes, digits = rest[: rest.index("bytes")], rest[rest.index("bytes") + 1 :]
    try:
        content = bytes.fromhex("".join(digits))
    except ValueError:
        raise HalfError("it sent something else than bytes") from None
    parts: dict[str, bytes] = {}
    for line in sizes:
        found = re.fullmatch(r" *(\d+) +(\d+\.(?:out|err|status|ls))", line)
        if found:
            parts[found[2]], content = content[: int(found[1])], content[int(found[1]) :]
    if content:
        raise HalfError("it sent more bytes than it counted")
    numbers = {int(name.partition(".")[0]) for name in parts}
    try:
        said = {number: _said(parts, number) for number in numbers}
    except (KeyError, ValueError):
        raise HalfError("it did not send all that a form has said") from None
    absent = {int(number) for number in _behind(head, "absent ")}
    return Answer(_values(head, "hide"), "".join(_values(head, "account")), said, absent)


def _said(parts: Mapping[str, bytes], number: int) -> Said:
    code, out, err, listing = (parts[f"{number}.{kind}"] for kind in ("status", "out", "err", "ls"))
    return Said(int(code), out, err, files(listing.decode("utf-8", "surrogateescape")))


def files(listing: str) -> dict[str, str]:
    """Names and modes of `ls -ln`, without what macOS puts behind the mode (@, +)."""
    found = {}
    for line in listing.split("\n"):
        words = line.split()
        if len(words) >= 9:
            found[words[8]] = words[0][:10]
    return found


def _values(lines: Iterable[str], name: str) -> list[str]:
    return list(dict.fromkeys(_behind(lines, f"{name}=")))


def _behind(lines: Iterable[str], start: str) -> list[str]:
    return [line.removeprefix(start) for line in lines if line.startswith(start)]
