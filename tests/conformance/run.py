# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run: every form on a Mac and on its double, and a look before and after."""

from __future__ import annotations

import re
import secrets
import shlex
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.answer import MacError
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.evidence import LINGER_SECONDS, left
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.forms import TOLD, Form
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.shell import Exec
from ansible_collections.vwan.user_vpn.tests.lab import macos

from . import half, materials
from .compare import Heard, Hiding, differences
from .forms import FORMS
from .half import HalfError, Script
from .sides import Double, Side, add_double, doubles
from .transcript import DIFFERS, SAME, SKIPPED, TELLS, Entry, Transcript, outdated

# A double does not need the time that a person does.
HASTE: Mapping[str, str | int] = {"person_seconds": 0, "person_pause": 2, "person_settle": 1, "person_patience": 10}
ABSENT = "absent"


@dataclass
class Heards:
    """What one side said to each form, by the form's name; a text instead says why there is no answer."""

    side: Side
    made: materials.Materials
    variables: Mapping[str, str | int] = field(default_factory=dict)
    heard: dict[str, Heard | str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    mark: str = ""

    def begin(self) -> None:
        """Leave a process running that a later connection looks for."""
        mark = secrets.token_hex(8)
        words = Exec("linger", {"seconds": LINGER_SECONDS}).command(mark)
        script = Script([], f"{shlex.join(words)} < /dev/null\n", mark)
        said = self.side.send(script, root=self.side.has_root)
        try:
            process = left(said.decode(errors="replace"), mark)
        except MacError as error:
            raise HalfError(str(error)) from None
        self.variables = {"left": process, "run": mark, **self.made.variables, **self.variables}

    def ask(self, forms: Sequence[Form], *, root: bool) -> None:
        """Run these forms, in one go."""
        if root and not self.side.has_root:
            self.heard |= {form.name: "it needs root, or sudo without a password" for form in forms}
            return
        numbered = list(enumerate(forms))
        files = self.made.named_in(form.command for form in forms)
        again = "again" if self.names else ""
        script = half.forms_script(numbered, files, {**self.variables, "again": again})
        self.mark = script.mark
        answer = half.read(self.side.send(script, root=root), script.mark)
        self.names = self.names or tuple(answer.names)
        hiding = Hiding(self.made.symbols, self.names, "" if root else answer.account)
        before = dict.fromkeys(files, "-rw-r--r--")
        for number, form in numbered:
            if number in answer.said:
                said = answer.said[number]
                self.heard[form.name] = hiding.heard(form, said, before)
                before = dict(said.files)
            else:
                self.heard[form.name] = ABSENT

    def look(self) -> dict[bool, list[str]]:
        """All that could be left, as the account and as root."""
        seen = {}
        for root in (False, True) if self.side.has_root else (False,):
            script = half.look_script(self.mark)
            seen[root] = half.between(self.side.send(script, root=root), script.mark)
        return seen


def facts(side: Side) -> dict[str, str]:
    """Release, build and machine of a Mac; HalfError when it is none."""
    said = side.send(Script([], 'sw_vers 2>&1; echo "machine: $(uname -m)"\n', "")).decode(errors="replace")
    found = dict(re.findall(r"^(ProductVersion|BuildVersion|machine):\s*(\S+)$", said, re.MULTILINE))
    if "ProductVersion" not in found:
        raise HalfError(f"this is no Mac: sw_vers says {said.splitlines()[:1]}")
    return {
        "release": found["ProductVersion"],
        "build": found.get("BuildVersion", ""),
        "machine": found.get("machine", ""),
        "reached": "directly" if side.name == "localhost" else "by ssh",
    }


@contextmanager
def double_of(release: str) -> Iterator[Double]:
    """A double of this release, in a lab of its own."""
    try:
        macos.release(release)
    except ValueError as error:
        raise HalfError(f"{error}: a row in tests/lab/macos.py comes first") from None
    with tempfile.TemporaryDirectory() as folder, doubles(Path(folder) / "lab") as lab:
        yield add_double(lab, release)


def conduct(
    real: Side,
    double: Side,
    *,
    forms: Sequence[Form] = FORMS,
    guided: Callable[[str], bool] | None = None,
) -> Transcript:
    """Run all forms on both. `guided` is told what the person at the Mac shall do, and says whether she will."""
    about = facts(real)
    made = materials.make()
    there, here = Heards(real, made), Heards(double, made, HASTE)
    before = there.look()
    try:
        with ThreadPoolExecutor(2) as pool:  # each has a machine of its own to wait for
            for done in [pool.submit(_alone, each, forms) for each in (there, here)]:
                done.result()
        _with_a_person((there, here), forms, guided)
    finally:
        after = there.look()
    changes = [
        f"{sign} {line}"
        for root in before
        for sign, some, others in (("-", before[root], after[root]), ("+", after[root], before[root]))
        for line in some
        if line not in others
    ]
    entries = [_entry(form, there.heard[form.name], here.heard.get(form.name, ABSENT)) for form in forms]
    return Transcript(about, entries, _without_names(changes, there))


def _alone(heards: Heards, forms: Sequence[Form]) -> None:
    """All that needs no person."""
    heards.begin()
    for root in (False, True):
        heards.ask([form for form in forms if form.root == root and not _guided(form)], root=root)


def _guided(form: Form) -> bool:
    return form.name.startswith("guided: ")


def _with_a_person(sides: Sequence[Heards], forms: Sequence[Form], guided: Callable[[str], bool] | None) -> None:
    """One exec for each, for some look at what an exec before has left running. The first side has the person."""
    there = sides[0]
    willing = guided is not None and there.side.has_root
    for form in filter(_guided, forms):
        if willing and form.ask and guided is not None:
            willing = guided(form.ask)
        if not willing:
            there.heard[form.name] = "it needs a person at the Mac" if there.side.has_root else "it needs root"
            continue
        for each in sides:
            each.ask([form], root=True)


def _without_names(lines: Sequence[str], heards: Heards) -> tuple[str, ...]:
    account, _at, host = heards.side.name.rpartition("@")
    return Hiding({}, (*heards.names, account, host)).lines("".join(f"{line}\n" for line in lines).encode())


def _entry(form: Form, mac: Heard | str, double: Heard | str) -> Entry:
    if isinstance(mac, str):
        why = f"it does not apply to this Mac: {form.where}" if mac == ABSENT else mac
        return Entry(form.name, form.command, verdict=SKIPPED, reasons=(why,))
    if form.compare == TOLD:
        return Entry(form.name, form.command, mac, verdict=TELLS)
    if isinstance(double, str):
        return Entry(form.name, form.command, mac, None, DIFFERS, (f"the double does not answer: {form.where}",))
    reasons = tuple(differences(form, mac, double))
    return Entry(form.name, form.command, mac, double, DIFFERS if reasons else SAME, reasons)


def heard(double: Side, forms: Sequence[Form] = FORMS) -> dict[str, Heard | str]:
    """What a double says to forms, with somebody at the screen."""
    here = Heards(double, materials.make(), HASTE)
    _alone(here, forms)
    _with_a_person((here,), forms, lambda _ask: True)
    return here.heard


def replay(transcript: Transcript, double: Side, forms: Sequence[Form] = FORMS) -> list[str]:
    """What a double says otherwise today than that Mac did; one line for each difference."""
    old = set(outdated(transcript, forms))
    said = {entry.name: entry.mac for entry in transcript.entries if entry.mac and entry.name not in old}
    # All run, for later ones need what earlier ones leave; but nobody is asked whom the Mac did not ask.
    wanted = [form for form in forms if not _guided(form) or form.name in said]
    here = heard(double, wanted)
    entries = [_entry(form, said[form.name], here[form.name]) for form in wanted if form.name in said]
    return [f"{entry.name}: {reason}" for entry in entries for reason in entry.reasons if entry.verdict == DIFFERS]
