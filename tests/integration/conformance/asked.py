# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Mac of the lab was asked, against what its doubles take and what our sh uses.

What a double takes is read from its code: the letters that it gives to getopt, and each constant that is an option.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ansible_collections.vwan.user_vpn.tests.lab import commands
from ansible_collections.vwan.user_vpn.tests.lab.commands import security, sudo
from ansible_collections.vwan.user_vpn.tests.lab.mac import Mac

OPTION = re.compile(r"--?[A-Za-z][\w-]*")
Shape = tuple[str, str, frozenset[str]]


def sources() -> dict[str, ast.Module]:
    """The doubles' code by their names."""
    folder = Path(commands.__file__).parent
    trees = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in folder.glob("[!_]*.py")}
    return {name.replace("xcode_select", "xcode-select"): tree for name, tree in trees.items()}


def getopts(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(function, letters) of each call of getopt."""
    for function in ast.walk(tree):
        if isinstance(function, ast.AsyncFunctionDef | ast.FunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "getopt.getopt":
                    yield function.name, ast.literal_eval(node.args[1])


def letters_of(argv: list[str], letters: str) -> set[str]:
    """The options of a command line, as getopt reads them."""
    found = set()
    words = iter(argv)
    for word in words:
        if not word.startswith("-") or word == "-" or word.startswith("--"):
            continue
        for place, letter in enumerate(word[1:], 2):
            found.add(f"-{letter}")
            if f"{letter}:" in letters:
                if not word[place:]:
                    next(words, None)
                break
    return found


def verbs() -> dict[str, str]:
    """Letters of each command of `security`; '' is before any."""
    by_function = dict(getopts(sources()["security"]))
    found = {"": by_function["run"]}
    for name in security.COMMANDS:
        function = "delete" if name in ("delete-certificate", "delete-identity") else f"_{name.replace('-', '_')}"
        if function in by_function:
            found[name] = by_function[function]
    return found


def taken() -> Iterator[tuple[str, str, str, str]]:
    """(double, verb, option, letters) of everything that doubles take; openssl's tables are asked as such."""
    for name, tree in sources().items():
        if name == "security":
            for verb, letters in verbs().items():
                yield from ((name, verb, f"-{letter}", letters) for letter in letters.replace(":", ""))
            continue
        if name == "openssl":
            continue
        specs = {letters for _function, letters in getopts(tree)}
        if name == "sudo":
            specs = {sudo.FLAGS + "".join(f"{letter}:" for letter in sudo.VALUES)}
        for letters in specs:
            yield from ((name, "", f"-{letter}", letters) for letter in letters.replace(":", ""))
        if not specs or name == "sudo":
            constants = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
            words = sorted(word for word in constants if isinstance(word, str) and OPTION.fullmatch(word))
            yield from ((name, "", word, "") for word in words)


def split(argv: list[str]) -> tuple[str, str, list[str]]:
    """(name, verb, the words behind) of a command line."""
    name, *rest = argv
    name = name.rpartition("/")[2]
    if name == "security":
        place = next((at for at, word in enumerate(rest) if not word.startswith("-")), len(rest))
        return name, "".join(rest[place : place + 1]), rest[place + 1 :] or rest[:place]
    if name == "sudo":
        place = 0
        while place < len(rest) and rest[place].startswith("-"):
            place += 2 if rest[place] in ("-u", "-p") else 1
        return name, "", rest[:place]
    if name == "launchctl":
        return name, "".join(rest[:1]), []
    return name, "", rest


def calls(mac: Mac) -> list[list[str]]:
    """Every command line, those that `security -i` was given among them."""
    typed = [["security", *words] for words in mac.typed]
    return [start.argv for start in mac.starts] + typed + [argv for argv in mac._traced() if argv[0] != "!"]


def missing_options(mac: Mac) -> list[str]:
    """Options that a double takes and that nobody asked this Mac."""
    asked: dict[tuple[str, str], list[list[str]]] = {}
    for argv in calls(mac):
        name, verb, words = split(argv)
        asked.setdefault((name, verb), []).append(words)
        if name == "security":  # what stands before its command
            asked.setdefault((name, ""), []).append([word for word in argv[1:4] if OPTION.fullmatch(word)])
    found = []
    for name, verb, option, letters in taken():
        lines = asked.get((name, verb), [])
        seen = (letters_of(words, letters) if letters else set(words) for words in lines)
        if not any(option in each for each in seen):
            found.append(" ".join(filter(None, (name, verb, option))))
    return found


def shapes(lines: Iterable[list[str]]) -> set[Shape]:
    """Command, verb and options of command lines."""
    letters = verbs()
    found = set()
    for argv in lines:
        name, verb, words = split(argv)
        if name == "security" and verb in letters:
            options = letters_of(words, letters[verb])
        elif name == "openssl":
            options = {word for word in words if word in words[:1] or OPTION.fullmatch(word)}
        else:
            options = {word for word in words if OPTION.fullmatch(word)}
        found.add((name, verb, frozenset(options)))
    return found


def missing_shapes(ours: Mac, asked: Mac) -> list[str]:
    """Command forms that our sh has started on one Mac and nobody on the other."""
    known = shapes(calls(asked))
    return sorted(" ".join((name, verb, *sorted(options))) for name, verb, options in shapes(calls(ours)) - known)
