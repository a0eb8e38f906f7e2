# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what all our actions share.

Every module of this collection is an action: it runs inside ansible-playbook on the controller, and nothing is ever
copied to a host. So no Mac needs Python, `become` and `delegate_to` have no effect on controller-side work, and a
task costs tens of milliseconds instead of the half second a module process takes to start.
"""

from __future__ import annotations

import difflib
import getpass
import os
import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase

from ..module_utils._documents import plain
from ..module_utils._errors import LONGEST, UserVpnError, shown
from ..module_utils._fleet.variables import Task
from ..module_utils._secrets import secrets_in
from ..module_utils._text import cleaned
from ._core import require_core

try:  # ansible-core 2.22 and later mask registered secrets wherever they would be shown
    from ansible.module_utils.secrets import register_secret
except ImportError:  # older releases mask nothing an action returns, so we return none

    def register_secret(value: str) -> None:
        pass


CONSTRAINTS = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")
_OF_CORE = re.compile(r"<class '[\w.]*?(?:_AnsibleTagged)?(\w+)'>")  # as its validator names types
LARGEST = 1_000_000_000  # beyond any number that an option of ours can mean


class UserVpnAction(ActionBase):  # type: ignore[misc]
    """Arguments checked, one way to fail, check mode and diff mode within reach.

    A subclass sets ARGUMENT_SPEC (and CONSTRAINTS: mutually_exclusive, required_if, ...) and writes `perform`, which
    returns the task's result and raises UserVpnError for what the user can mend.

    HOSTS names an option that lists dictionaries, one for each `host`. They are checked one by one: a faulty one
    reaches `perform` as its `host` and the `problem` with it, and is not the fault of all.

    FURTHER says where options stand that a role takes in a dictionary. In a role, every sentence says what sets the
    options that it names.
    """

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    ARGUMENT_SPEC: ClassVar[dict[str, Any]]
    CONSTRAINTS: ClassVar[dict[str, Any]] = {}
    HOSTS: ClassVar[str] = ""
    FURTHER: ClassVar[Mapping[str, str]] = {}

    host: str = ""
    who: str = ""
    _seen: Mapping[str, Any] = {}  # the variables of the task, as they are written

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def given(self) -> dict[str, Any]:
        """The options of the task, before they are checked."""
        return _without_nothing(self.ARGUMENT_SPEC, self._task.args)

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = self._seen = task_vars or {}
        require_core()
        try:
            arguments = self._arguments()
        except UserVpnError as error:
            return result | {"failed": True, "changed": False, "msg": self._explained(str(error), self._task.args)}
        for secret in secrets_in(arguments, self.ARGUMENT_SPEC):
            self.mask(secret)
        self.host = str(task_vars.get("inventory_hostname", ""))
        self.who = _whoever_runs(task_vars)
        try:
            answer = self.perform(arguments, task_vars)
        except UserVpnError as error:
            return result | {"failed": True, "changed": False, "msg": self._explained(str(error), arguments)}
        except AnsibleError:
            raise  # of the connection, for example
        except Exception as error:  # noqa: BLE001 - its text may quote whatever it tripped over, a secret too
            return result | {"failed": True, "changed": False, "msg": _refusal(error) or self._fault(error)}
        if "msg" in answer:
            answer["msg"] = self._explained(shown(answer["msg"], LONGEST), arguments)
        told: dict[str, Any] = cleaned(self._with_entries_explained(answer, arguments))
        return result | {"failed": False, "changed": False} | told

    def _arguments(self) -> dict[str, Any]:
        """What `perform` is given; UserVpnError for what the specification does not take."""
        spec, given = dict(self.ARGUMENT_SPEC), self.given()
        one_by_one = given.get(self.HOSTS)
        if not isinstance(one_by_one, list):
            return _checked(spec, self.CONSTRAINTS, given)
        hosts = [
            _of_host(spec[self.HOSTS], each, self.HOSTS, number) for number, each in enumerate(one_by_one, start=1)
        ]
        arguments = _checked(spec | {self.HOSTS: {"type": "list"}}, self.CONSTRAINTS, given | {self.HOSTS: []})
        return arguments | {self.HOSTS: hosts}

    def _explained(self, sentence: str, values: Mapping[str, Any]) -> str:
        """In a role, the sentence and what sets the options that it names; `values` are what they were given."""
        written = self._task.get_ds()
        given = written.get(self._task.action) if isinstance(written, Mapping) else None
        if not isinstance(given, Mapping):
            return sentence
        module = self._task.action.rpartition(".")[2]
        inner = _inner_names(self.ARGUMENT_SPEC)
        ours = getattr(self._task._role, "_role_collection", None) == "vwan.user_vpn"
        task = Task(given, self._seen, self.ARGUMENT_SPEC, inner, self.FURTHER, module, ours)
        return shown(task.explained(sentence, _paths(self.ARGUMENT_SPEC, values)), LONGEST)

    def _with_entries_explained(self, answer: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
        """The same for what an answer says of each host or client that got nothing."""
        by_host = {mac["host"]: {self.HOSTS: [mac]} for mac in arguments.get(self.HOSTS) or ()} if self.HOSTS else {}
        for entries in answer.values():
            for name, entry in entries.items() if isinstance(entries, dict) else ():
                if isinstance(entry, dict) and entry.get("failed") and entry.get("msg"):
                    entry["msg"] = self._explained(entry["msg"], arguments | by_host.get(name, {}))
        return answer

    def _fault(self, error: Exception) -> str:
        """A sentence about an error that nobody foresaw; with -vvv its traceback is shown, without its text."""
        frames = traceback.extract_tb(error.__traceback__)
        self._display.vvv("".join(frames.format()))
        last = [frame for frame in frames if Path(__file__).parents[1] in Path(frame.filename).parents][-1]
        return (
            f"A fault of this collection, please report it: {type(error).__name__} in {Path(last.filename).name}, line "
            f"{last.lineno}; -vvv shows how it came there."
        )

    @property
    def check_mode(self) -> bool:
        return bool(self._task.check_mode)

    @property
    def diff_mode(self) -> bool:
        return bool(self._task.diff)

    def mask(self, secret: str) -> None:
        """From now on this secret is not shown, where ansible-core can do that."""
        register_secret(secret)

    def local_path(self, value: str) -> Path:
        """A controller path as the user wrote it: relative to where ansible-playbook was started, `~` is welcome.

        Not to the playbook's folder: for `ansible-playbook vwan.user_vpn.site` that is inside the collection. A URL may
        bear a signature or a password, so it is refused before an error about a file quotes it.
        """
        if re.match(r"\s*[A-Za-z][A-Za-z0-9+.-]*://", str(value)):
            raise UserVpnError(
                "A URL is given where a file or folder on the controller is wanted: download what is there, and give "
                "the path to it."
            )
        try:
            path = Path(str(value)).expanduser().absolute()
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            pass  # it may be about to be made
        except RuntimeError:
            raise UserVpnError(f"{shown(str(value))} names the home of an account that does not exist.") from None
        except OSError as error:
            raise UserVpnError(f"{shown(str(value))} cannot be reached: {error.strerror}.") from None
        return path

    def alone(self, task_vars: Mapping[str, Any]) -> bool:
        """Whether the other hosts of the play run this task by themselves, so that each does its own part of it.

        Such a strategy ignores run_once.
        """
        strategy = str(self._task.get_play().strategy)
        return strategy.endswith(("free", "host_pinned")) and len(task_vars.get("ansible_play_hosts_all", ())) > 1

    @contextmanager
    def task_environment(self) -> Iterator[None]:
        """Let the task's `environment` hold here as it would in a module: for logins, proxies, and `az`.

        An action runs in a process of its own, forked for the one task, so this disturbs nobody.
        """
        wanted: dict[str, Any] = {}
        self._compute_environment_string(wanted)
        before = {name: os.environ.get(name) for name in wanted}
        os.environ.update({name: str(value) for name, value in wanted.items()})
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def say(self, text: str) -> None:
        """Show a line to the person at the terminal now, while the task still runs."""
        self._display.display(self._line(text))

    def warn(self, text: str) -> None:
        self._display.warning(self._line(self._explained(text, {})))

    def _line(self, text: str) -> str:
        return shown(text if self._task.run_once else f"[{self.host}] {text}", LONGEST)


def _checked(spec: Mapping[str, Any], constraints: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The options as the specification takes them, with defaults; UserVpnError for those that it does not take."""
    problems = list(_unusable(spec, given))
    if not problems:
        checked = ArgumentSpecValidator(spec, **constraints).validate(given)
        problems = [_text(error, spec) for error in checked.errors.errors] if checked.error_messages else []
    if problems:
        raise UserVpnError("; ".join(problems))
    arguments: dict[str, Any] = checked.validated_parameters
    return arguments


def _of_host(rules: Mapping[str, Any], given: Any, option: str, number: int) -> dict[str, Any]:
    """One host's options, or its problem; UserVpnError for one whose host nobody can tell."""
    if not isinstance(given, dict):
        raise UserVpnError(f"{option} must hold names with their values, not {type(given).__name__}.")
    options = rules["options"]
    try:
        host = _checked({"host": options["host"]}, {}, {name: given[name] for name in given if name == "host"})["host"]
    except UserVpnError as error:
        raise UserVpnError(f"{option}[{number}]: {error}") from None
    try:
        return _checked(options, {name: rule for name, rule in rules.items() if name in CONSTRAINTS}, given)
    except UserVpnError as error:
        return {"host": host, "problem": str(error)}


def _without_nothing(spec: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The options without those that are not given, though their names are; core calls them given."""
    kept = {name: value for name, value in values.items() if name not in spec or not _is_nothing(value, spec[name])}
    for name, rules in spec.items():
        value, inner = kept.get(name), rules.get("options")
        if inner and isinstance(value, dict):
            kept[name] = _without_nothing(inner, value)
        elif inner and isinstance(value, list):
            kept[name] = [_without_nothing(inner, each) if isinstance(each, dict) else each for each in value]
    return kept


def _is_nothing(value: Any, rules: Mapping[str, Any]) -> bool:
    """Null; and no path, where one may be left out."""
    return value is None or (value == "" and rules.get("type") == "path" and not rules.get("required"))


def _unusable(spec: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[str]:
    """What core's validator would trip over, quote with a secret in it, or be busy with for ever, as with 1e999999999.

    A secret that is no text is a number or a truth value that YAML has made of one: 0123 is 83 there.
    """
    yield from (f"{shown(repr(name))} is no name of an option" for name in values if not isinstance(name, str))
    for name, rules in spec.items():
        value = values.get(name)
        if rules.get("no_log") and not isinstance(value, str | None):
            yield f"{name} must be a string: put it in quotes"
        elif rules.get("type") in ("str", "path") and isinstance(value, list | dict):
            yield f"{name} must be a text, not a {'list' if isinstance(value, list) else 'dictionary'}"
        elif rules.get("type") == "int" and _too_large(value):
            yield f"{name} is too large: give a number below {LARGEST}"
        elif isinstance(value, list | dict) or (isinstance(value, str) and rules.get("type") == "str"):
            try:
                plain(value)
            except ValueError as error:
                yield f"{name} cannot be used, for it holds {error}"
                continue
        if "path" in (rules.get("type"), rules.get("elements")) and "\0" in str(value):
            yield f"{name} cannot be used, for no path holds a null character"
        elif (value == "" and rules.get("type") == "path") or (
            rules.get("elements") == "path" and isinstance(value, list) and "" in value
        ):
            yield f"{name} is empty: give a path"
        for inner in value if isinstance(value, list) else [value]:
            if rules.get("options") and isinstance(inner, dict):
                yield from _unusable(rules["options"], inner)
            elif rules.get("options") and not isinstance(inner, str | None):
                yield f"{name} must hold names with their values, not {type(inner).__name__}"


def _too_large(value: Any) -> bool:
    try:
        return isinstance(value, int | float | str) and not abs(float(value)) < LARGEST
    except ValueError:
        return False  # no number at all, which the validator says
    except OverflowError:
        return True


def _refusal(error: Exception) -> str:
    """What the system refuses below a path that somebody gave: no access, a full disk. Empty for other errors."""
    path, reason = (error.filename, error.strerror) if isinstance(error, OSError) else (None, None)
    return shown(f"{path} cannot be used: {reason}.", LONGEST) if path and reason else ""


def _whoever_runs(task_vars: Mapping[str, Any]) -> str:
    """Whom the store is to name with what it writes down: who has launched the job in AWX or AAP, or the account here.

    Both set the first variable for every job (AWX, "extra variables"), older releases the second.
    """
    for name in ("awx_user_name", "tower_user_name"):
        if task_vars.get(name):
            return str(task_vars[name])
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no name
        return f"uid {os.getuid()}"


def _text(error: Exception, spec: Mapping[str, Any]) -> str:
    if not isinstance(error, UnsupportedError):
        return _OF_CORE.sub(lambda found: f"a {found[1].lower()}", str(error))
    name = str(error).partition(". Supported parameters")[0]  # all of them, for one inside of another
    near = [] if "." in name else difflib.get_close_matches(name, spec, 1, 0.8)
    return f"Unsupported option: {name}{f'; did you mean {near[0]}?' if near else ''}"


def _inner_names(spec: Mapping[str, Any]) -> list[str]:
    inside = [rules["options"] for rules in spec.values() if rules.get("options")]
    return [name for each in inside for name in (*each, *_inner_names(each))]


def _paths(spec: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, str]:
    """The places that were given, by option, also inside of others: sentences begin with them."""
    found: dict[str, str] = {}
    for name, rules in spec.items():
        value = values.get(name)
        if isinstance(value, str) and (rules.get("type") == "path" or name == "pki"):
            found.setdefault(name, value)
        for inner in value if isinstance(value, list) else [value]:
            if rules.get("options") and isinstance(inner, Mapping):
                inside = _paths(rules["options"], inner)
                found = (
                    inside
                    | found
                    | dict.fromkeys(
                        [name] if inside and rules["type"] == "dict" else [], next(iter(inside.values()), "")
                    )
                )
            elif isinstance(inner, str) and rules.get("elements") == "path":
                found.setdefault(name, inner)
    return found
