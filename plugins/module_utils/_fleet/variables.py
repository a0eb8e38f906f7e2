# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what people set, as against what a module calls it.

A module knows nothing of roles, so its sentences name its options. Whoever reads them in a role sets variables. Which
ones these are is told by the role itself: by the templates of its task, of its defaults, and of what they read. So
nobody keeps a list of them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

COLLECTION = Path(__file__).parents[3]
FLEET = re.compile(r"\buser_vpn_[a-z0-9_]+")

_ENVIRONMENT = re.compile(r"'ansible\.builtin\.env', *'(\w+)'")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_CONDITION = re.compile(r"\bif\b.*?\belse\b", re.DOTALL)
_NAME = re.compile(r"(?<![\w.])[a-z]\w*")
_WORD = re.compile(r"[A-Za-z]\w*")
HERE = " Here "
_DEEPEST = 8  # variables that read variables

# Options that are no words of English: where they stand in a sentence, they are meant.
_NO_WORDS = ("pki", "passphrase", "csrs", "dest", "dns", "ikev2", "macos", "macs", "readmit")
_VERBS = r"(?:[Ss]et|[Gg]ive|[Ll]eave|[Rr]aise|raising|[Cc]orrect|options?:|arguments:)"
_GOES_ON = r"(?= is\b| are\b| takes\b| must\b| needs\b| holds\b| names\b| begins\b| cannot\b| has\b|:|\.\w|\[)"

#: What a sentence says without the name of an option.
_OTHERWISE = {
    "another name": "the name of a client is the variable user_vpn_client_name of its host",
    "client name": "the name of a client is the variable user_vpn_client_name of its host",
    "The common_name ": "the domain in a common name is the variable user_vpn_certificate_domain",
    "san_type": "san_type is the variable user_vpn_certificate_san_type",
    "identity.scep": "identity.scep is the variable user_vpn_scep",
    "csrs": "where a key is made is said by the variable user_vpn_mac_key of its host",
    "On Demand rules": "On Demand rules are the variable user_vpn_on_demand",
    "a Shortcut": "the name of a Shortcut is the variable user_vpn_shortcut",
}
#: Without it the role leaves the step out.
_ONLY_WITH = {"profile_package": "user_vpn_resource_group"}


@cache
def known() -> frozenset[str]:
    """The fleet-wide variables: those that the roles and playbooks of this collection name."""
    texts = (path.read_text(encoding="utf-8") for part in ("roles", "playbooks") for path in _files(part))
    return frozenset(name for text in texts for name in FLEET.findall(text))


def unknown(names: Iterable[str]) -> list[str]:
    """Sentences about the variables among these that look like ours, and that nothing reads.

    One that only begins as those of a role do may be somebody's own, unless it is nearly one of ours.
    """
    found = []
    for name in sorted(set(names)):
        of_the_fleet = FLEET.fullmatch(name)
        if name in (known() if of_the_fleet else _named_in_roles()) or not (of_the_fleet or _is_of_a_role(name)):
            continue
        candidates, cutoff = (known(), 0.8) if of_the_fleet else (_settable(), 0.9)
        near = difflib.get_close_matches(name, sorted(candidates), 1, cutoff)
        if near:
            found.append(f"Nothing reads the variable {name}: did you mean {near[0]}?")
        elif of_the_fleet:
            found.append(f"Nothing reads the variable {name}: docs/variables.md lists all that there are.")
    return found


@dataclass(frozen=True)
class Source:
    """What an option of a task is set by: variables, environment, and roles that bring it as a result of theirs."""

    variables: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.variables or self.environment)

    def __str__(self) -> str:
        names = " or ".join(self.variables)
        text = f"the variable {names}" if self.variables else ""
        if self.environment:
            text += f"{', or ' if text else ''}{' or '.join(self.environment)} in the environment"
        if self.roles and not any(FLEET.fullmatch(name) for name in self.variables):
            text += (
                f", by default what the role {' or '.join(self.roles)} has registered before in the same run, unless "
                "--tags or --start-at-task leave that out"
            )
        return text


@dataclass(frozen=True)
class Task:
    """A task of a role, as far as its sentences need it.

    given      its options as they are written: values and templates
    variables  what it sees, as written
    options    all options that its module has
    inner      those inside of others
    further    options that come in a dictionary, and where each of them stands
    module     its name
    in_role    whether it is a role's of this collection; one that reads our variables may be a playbook's
    """

    given: Mapping[str, Any]
    variables: Mapping[str, Any]
    options: Iterable[str]
    inner: Iterable[str] = ()
    further: Mapping[str, str] = field(default_factory=dict)
    module: str = ""
    in_role: bool = False

    def explained(self, sentence: str, values: Mapping[str, str] | None = None) -> str:
        """The sentence, and what sets the options that it names. One of a task that is not ours stays as it is.

        values  what some options were given, which a sentence may quote instead of naming them
        """
        if HERE in sentence or FLEET.match(sentence):  # of a task before; in terms of variables already
            return sentence
        quoted = {name for name, value in (values or {}).items() if len(value) > 1 and value in sentence}
        unsupported = _unsupported(sentence)
        words = set(_WORD.findall(sentence))  # first, for this is done for each Mac
        candidates = dict.fromkeys([*self.options, *self.further, *self.inner])
        names = [name for name in candidates if name in quoted or (name in words and is_named(name, sentence))]
        like_a_module = [word for word in words if "_" in word or word == "mobileconfig"]
        modules = [name for name in like_a_module and _run_by() if name != self.module and _is_a_module(name, sentence)]
        otherwise = dict.fromkeys(told for text, told in _OTHERWISE.items() if text in sentence)
        if not (names or unsupported or modules or otherwise):
            return sentence
        sources = sources_of(self.given, self.variables)
        if not (self.in_role or any(sources.values())):
            return sentence
        names = [name for name in names if name not in quoted or name in sources or name in self.further]
        told = [*self._told(names, sources), *self._of_a_dictionary(unsupported)]
        brought = {role for name in names if name in sources for role in sources[name].roles}
        told += _run(name for name in modules if _run_by()[name] not in brought)
        parts = [part for part in [*told, *otherwise] if not _says_so(sentence, part)]
        return f"{sentence.rstrip('.')}.{HERE}{'; '.join(parts)}." if parts else sentence

    def _told(self, names: Iterable[str], sources: Mapping[str, Source]) -> Iterator[str]:
        for name in names:
            if source := sources.get(name):
                yield f"{name} is {source}{f', or {self.further[name]}' if name in self.further else ''}"
            elif name in self.further:
                yield f"{name} is {self.further[name]}"
            elif name in sources:
                yield f"{name} is set by the role itself"
            elif name in self.options:
                yield f"{name} is an option of the module {self.module} that the role does not set"

    def _of_a_dictionary(self, names: Iterable[str]) -> Iterator[str]:
        if dictionary := FLEET.match(next(iter(self.further.values()), "")):
            yield from (f"{name} stands in the variable {dictionary[0]}" for name in names)


def is_named(option: str, sentence: str) -> bool:
    """Whether a sentence names an option, and does not merely have a word like it."""
    word = re.escape(option)
    if "_" in option or option in _NO_WORDS:
        return re.search(rf"(?<![\w/-]){word}(?![\w/-])", sentence) is not None
    places = (rf"\b{_VERBS} {word}\b", rf"(?:^|[.;:] ){word}{_GOES_ON}", rf"['|]{word}['|]", rf"\bin {word}(?=[.;,])")
    return re.search("|".join(places), sentence) is not None


def sources_of(given: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Source]:
    """What sets each option, and each option inside of one; an empty Source for what the role itself has set."""
    found: dict[str, Source] = {}
    for option, value in given.items():
        found = _inner(value, variables) | found
        found[str(option)] = _source(value, variables)
    if "pkcs12_password" in found:
        found.setdefault("password", found["pkcs12_password"])
    return found


def _inner(value: Any, variables: Mapping[str, Any]) -> dict[str, Source]:
    if isinstance(value, Mapping):
        return sources_of(value, variables)
    if isinstance(value, list):
        return {name: source for each in value for name, source in _inner(each, variables).items()}
    read = (variables.get(name) for name in _names(value) if _is_of_a_role(name))
    return {
        name: source
        for each in read
        if isinstance(each, Mapping) and not _is_a_result(each)
        for name, source in sources_of(each, variables).items()
    }


def _source(value: Any, variables: Mapping[str, Any]) -> Source:
    names, environment, roles = _followed(value, variables, _DEEPEST)
    return Source(*(tuple(dict.fromkeys(each)) for each in (names, environment, roles)))


def _followed(value: Any, variables: Mapping[str, Any], depth: int) -> tuple[list[str], list[str], list[str]]:
    names: list[str] = []
    roles: list[str] = []
    environment = _ENVIRONMENT.findall(value) if isinstance(value, str) else []
    read = _names(value)
    for name in read if depth and "hostvars" not in read else ():  # what each host has is put together by the role
        if FLEET.fullmatch(name):
            names.append(name)
        elif name in _settable():
            deeper, more, by_roles = _followed(variables.get(name), variables, depth - 1)
            names += deeper or [name]
            environment += more
            roles += by_roles
        elif isinstance(variables.get(name), str):
            deeper, more, by_roles = _followed(variables[name], variables, depth - 1)
            names += deeper
            environment += more
            roles += by_roles
        elif role := _is_of_a_role(name):
            roles.append(role)
    return names, environment, roles


def _names(value: Any) -> list[str]:
    """The variables that a template reads, those apart that it asks for a condition."""
    if not isinstance(value, str) or "{" not in value:
        return []
    return _NAME.findall(_CONDITION.sub(" ", _QUOTED.sub("''", value)))


def _is_a_result(value: Mapping[str, Any]) -> bool:
    return "changed" in value or "failed" in value


def _unsupported(sentence: str) -> list[str]:
    """Not those inside of another option, which tells where they stand."""
    found = re.search(r"Unsupported option: ([\w., ]+)", sentence)
    names = [name.strip(" .") for name in found[1].split(",")] if found else []
    return [name for name in names if "." not in name]


def _says_so(sentence: str, part: str) -> bool:
    names = FLEET.findall(part.replace("vwan.user_vpn.", ""))
    return part in sentence or (bool(names) and all(name in sentence for name in names))


# -- the roles of this collection ------------------------------------------------------------------------------------


def _files(part: str) -> list[Path]:
    return sorted((COLLECTION / part).rglob("*.yml"))


@cache
def _settable() -> frozenset[str]:
    """The variables that the roles have defaults for."""
    texts = (path.read_text(encoding="utf-8") for path in _files("roles") if path.parent.name == "defaults")
    return frozenset(name for text in texts for name in re.findall(r"^(\w+):", text, re.MULTILINE))


@cache
def _named_in_roles() -> frozenset[str]:
    """Whatever they name: variables, results, tags, modules."""
    texts = (path.read_text(encoding="utf-8") for path in _files("roles"))
    return frozenset(name for text in texts for name in re.findall(r"\w+", text))


@cache
def _roles() -> tuple[str, ...]:
    return tuple(sorted(path.name for path in (COLLECTION / "roles").iterdir() if path.is_dir()))


def _is_of_a_role(name: str) -> str:
    """The role whose prefix a variable has; empty for others."""
    return next((role for role in _roles() if name.startswith(f"{role}_")), "")


@cache
def _run_by() -> Mapping[str, str]:
    """By module, the role that runs it."""
    found: dict[str, str] = {}
    for path in _files("roles"):
        if path.parent.name == "tasks":
            for module in re.findall(r"^ *vwan\.user_vpn\.(\w+):$", path.read_text(encoding="utf-8"), re.MULTILINE):
                found.setdefault(module, path.parents[1].name)
    return found


def _is_a_module(name: str, sentence: str) -> bool:
    """A module that does the upkeep of a store is run by people themselves."""
    return name != "ledger" and re.search(rf"(?<![\w./-]){name}(?![\w/-])", sentence) is not None


def _run(modules: Iterable[str]) -> list[str]:
    """Which roles run these modules."""
    by_role: dict[str, list[str]] = {}
    for module in modules:
        by_role.setdefault(_run_by()[module], []).append(module)
    found = []
    for role, names in by_role.items():
        only = next((f", where {_ONLY_WITH[name]} is set" for name in names if name in _ONLY_WITH), "")
        is_run = "is run" if len(names) == 1 else "are run"
        found.append(f"{' and '.join(names)} {is_run} by the role {role}{only}, as by the playbook vwan.user_vpn.site")
    return found
