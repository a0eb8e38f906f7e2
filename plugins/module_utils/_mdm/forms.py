# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: names that MDMs are given, and values that they give."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from .._errors import shown
from .._x509.text import utc_text
from .errors import RefusedError
from .http import Answer
from .interface import Target

BEGINNING = datetime.min.replace(tzinfo=UTC)


def ending(target: Target) -> str:
    """What the name of a profile of ours ends in, by which it is found again."""
    return f" [{' '.join(part for part in (target.identifier, target.mac) if part)}]"


def found_by_name(server: str, names: Mapping[str, str], target: Target) -> str:
    """The id of the profile of ours among `names` (by id), empty where there is none; RefusedError for several."""
    found = [number for number, name in names.items() if name.endswith(ending(target))]
    if len(found) > 1:
        raise RefusedError(
            f"{server} holds {len(found)} profiles whose names end in {ending(target).strip()!r}: delete all but one "
            "of them there."
        )
    return found[0] if found else ""


def word(value: Any) -> str:
    """A value of JSON on one line of bearable length; empty for what is none."""
    return shown(str(value), 200) if value is not None and not isinstance(value, dict | list) else ""


def moment(value: Any) -> datetime:
    """An ISO time, of UTC where it says nothing; the beginning of time for what is none."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return BEGINNING
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def moment_text(value: Any) -> str:
    """An ISO time as this collection tells one; empty for what is none."""
    found = moment(value)
    return "" if found == BEGINNING else utc_text(found)


def date_of(answer: Answer) -> datetime:
    """The server's clock when it answered, in whole seconds."""
    text = next((value for name, value in answer.headers.items() if name.lower() == "date"), "")
    try:
        found = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        found = datetime.now(UTC)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).replace(microsecond=0)


def part(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The JSON object of this name; empty where there is none."""
    found = record.get(name)
    return found if isinstance(found, Mapping) else {}


def dictionaries(value: Any) -> list[Mapping[str, Any]]:
    """The JSON objects in a list."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
