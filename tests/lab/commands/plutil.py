# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""plutil: property lists.

Source: man plutil (-lint, -p, -convert, -extract KEYPATH FORMAT; `raw` from macOS 12 on; -o -). Key paths are split at
dots, a backslash keeps one. JSON knows neither data nor dates.
"""

from __future__ import annotations

import base64
import datetime
import json
import plistlib
import re
from typing import Any

from ..calls import Call

USAGE = "plutil: [command_option] [other_options] file...\n"
BAD = "Property List error: Unexpected character at line 1 / JSON error: JSON text did not start with array or object"


async def run(call: Call) -> int:  # noqa: PLR0911 (one return per case)
    args = list(call.args)
    output = None
    if "-o" in args[:-1]:
        at = args.index("-o")
        output = args[at + 1]
        del args[at : at + 2]
    if not args or output not in (None, "-"):
        return call.refuse("a command, and -o - only", USAGE)
    verb, *rest = args
    counts = {"-lint": 1, "-p": 1, "-convert": 2, "-extract": 3}
    if verb not in counts or len(rest) != counts[verb] or (verb == "-convert" and output is None):
        return call.refuse("the lab knows -lint, -p, -convert FORMAT -o -, -extract KEYPATH FORMAT -o -", USAGE)
    given = rest[-1]
    raw = await call.read_all() if given == "-" else _read(call, given)
    if raw is None:
        call.err(f"{given}: file does not exist or is not readable or is not a regular file\n")
        return 1
    try:
        value = plistlib.loads(raw)
    except Exception:  # noqa: BLE001
        (call.out if verb == "-lint" else call.err)(f"{given}: {BAD}\n")
        return 1
    if verb == "-lint":
        call.out(f"{'<stdin>' if given == '-' else given}: OK\n")
        return 0
    if verb == "-p":
        call.out(_readable(value, 0) + "\n")
        return 0
    if verb == "-extract":
        try:
            value = _at(value, rest[0])
        except (KeyError, IndexError, ValueError, TypeError):
            call.err(
                f"{given}: Could not extract value, error: No value at that key path or invalid key path: {rest[0]}\n"
            )
            return 1
    return _write(call, value, rest[-2], given)


def _read(call: Call, given: str) -> bytes | None:
    path = call.path(given)
    return path.read_bytes() if call.mac.readable_by(path, call.user) else None


def _at(value: Any, path: str) -> Any:
    for part in re.split(r"(?<!\\)\.", path):
        key = part.replace("\\.", ".")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def _write(call: Call, value: Any, form: str, given: str) -> int:
    if form == "raw" and call.mac.release.plutil_raw:
        call.out(_raw(value) + "\n")
    elif form == "xml1":
        call.out(plistlib.dumps(value, sort_keys=True))
    elif form == "binary1":
        call.out(plistlib.dumps(value, fmt=plistlib.FMT_BINARY))
    elif form == "json":
        try:
            call.out(json.dumps(value))
        except TypeError:
            call.err(f"{given}: invalid object in plist for destination format\n")
            return 1
    else:
        return call.refuse(
            f"format {form} on macOS {call.mac.release.version}", f"Unknown format specifier: {form}\n{USAGE}"
        )
    return 0


def _raw(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, dict):
        return "\n".join(sorted(value))
    return str(len(value)) if isinstance(value, list) else str(value)


def _readable(value: Any, depth: int) -> str:
    pad = "  " * (depth + 1)
    if isinstance(value, dict):
        lines = [f'{pad}"{key}" => {_readable(value[key], depth + 1)}' for key in sorted(value)]
        return "{\n" + "".join(f"{line}\n" for line in lines) + "  " * depth + "}"
    if isinstance(value, list):
        lines = [f"{pad}{number} => {_readable(each, depth + 1)}" for number, each in enumerate(value)]
        return "[\n" + "".join(f"{line}\n" for line in lines) + "  " * depth + "]"
    if isinstance(value, bytes):
        return f"{{length = {len(value)}, bytes = 0x{value[:8].hex()} ... }}"
    return f'"{value}"' if isinstance(value, str) else _raw(value)
