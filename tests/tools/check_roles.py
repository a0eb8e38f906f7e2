# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps each role's defaults, argument_specs and README in step, and docs/variables.md with all of them.

When Ansible refuses an argument of a role, it prints the argument_specs with their defaults filled in. So a variable
that holds a secret has no default there, every other one has. Nobody has to keep a list: a variable is secret when its
name says so, when a task gives it to an option that our module calls secret, or when its default reads such a one.

`--write` writes the READMEs and the list of variables anew; without it, what is out of step is named.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from jinja2 import Environment, nodes

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / ".venv/collections"))
MODULE = "vwan.user_vpn."
FLEET_VARIABLE = re.compile(r"\buser_vpn_[a-z0-9_]+")
# A default that reads a fleet-wide variable, or else is a literal: the literal is what argument_specs document.
_LITERAL = r"('[^']*'|\d+|true|false|\{\}|\[\])"
FALLBACK = re.compile(r"\{\{ [\w.\[\]]+(?: \| default\(false\) or [\w.\[\]]+)? \| default\(" + _LITERAL + r"\) \}\}")
# One that fails without its fleet-wide variable, and says so.
MANDATORY = re.compile(r"\{\{ \w+ \| mandatory\('[^']*'\) \}\}")


def load(path: Path) -> Any:
    return yaml.load(path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def plain(text: str) -> str:
    """Ansible's semantic markup as Markdown."""
    text = re.sub(r"\bO\(([\w.]+)#module:(\w+)\)", r"the option `\2` of `\1`", text)
    text = re.sub(r"\b[CVOE]\(([^)]*)\)", r"`\1`", text)
    text = re.sub(r"\bRV\(([^)]*)\)", r"`\1`", text)
    return re.sub(r"\bM\(([^)]*)\)", r"`\1`", text)


def sentences(value: Any) -> str:
    return plain(" ".join(value) if isinstance(value, list) else str(value)).strip()


def shown(value: Any) -> str:
    """A default as a person would write it; an expression that only reads a fleet-wide variable as that variable."""
    if isinstance(value, str):
        text = " ".join(value.split()).replace("|", "\\|")
        return f"`{text}`" if text else "(empty)"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def documented(value: Any) -> Any:
    """The default that argument_specs should show for a value in defaults/main.yml."""
    if isinstance(value, str) and MANDATORY.fullmatch(value):
        return None
    match = FALLBACK.fullmatch(value) if isinstance(value, str) else None
    return yaml.safe_load(match[1]) if match else value


def defaults_of(role: Path) -> dict[str, Any]:
    path = role / "defaults/main.yml"
    return (load(path) or {}) if path.exists() else {}


def options_of(role: Path) -> dict[str, Any]:
    """The variables of all entry points; one that several have is the same for each."""
    entries = load(role / "meta/argument_specs.yml")["argument_specs"].values()
    return {name: option for entry in entries for name, option in entry.get("options", {}).items()}


def plugin(name: str) -> Any:
    return importlib.import_module(f"ansible_collections.{MODULE}plugins.{name}")


def calls(tasks: Any) -> Iterator[tuple[Mapping[str, Any], Any]]:
    """Each use of one of our modules in a list of tasks: its argument specification, and the arguments given."""
    for task in tasks or []:
        for key, value in task.items():
            if key in ("block", "rescue", "always"):
                yield from calls(value)
            elif key.startswith(MODULE):
                yield plugin(f"action.{key.removeprefix(MODULE)}").ActionModule.ARGUMENT_SPEC, value


def into_secrets(
    spec: Mapping[str, Any], given: Mapping[str, Any], variables: Mapping[str, Any] = MappingProxyType({})
) -> Iterator[str]:
    """What is given to the options that are secret, or that are given as a whole and have a secret one inside.

    Where it is made from one of the role's `variables` that holds names with values, their values count one by one.
    """
    for name, value in given.items():
        rule = spec.get(name, {})
        inner = rule.get("options", {})
        inside = any(True for _text in into_secrets(inner, dict.fromkeys(inner)))
        parts = [value] if isinstance(value, Mapping) else []
        if inside and not parts:
            parts = [each for each in map(variables.get, sorted(passed_on(value))) if isinstance(each, Mapping)]
        if rule.get("no_log") or (inside and not parts):
            yield str(value)
        for part in parts:
            yield from into_secrets(inner, part, variables)


def passed_on(template: Any) -> set[str]:
    """The variables that a value may hand on; not those it only asks for a condition."""

    def names(node: nodes.Node) -> Iterator[str]:
        if isinstance(node, nodes.Name):
            yield node.name
        for child in node.iter_child_nodes(exclude=("test",) if isinstance(node, nodes.CondExpr) else ()):
            yield from names(child)

    return set(names(Environment().parse(str(template))))


def secrets_of(role: Path) -> set[str]:
    """The role's variables that hold a secret."""
    defaults, options = defaults_of(role), options_of(role)
    worked_out = role / "vars/main.yml"
    variables = load(worked_out) if worked_out.exists() else {}
    texts = [
        text
        for path in sorted((role / "tasks").glob("*.yml"))
        for spec, given in calls(load(path))
        for text in into_secrets(spec, given, variables)
    ]
    names_secret = plugin("module_utils._secrets").names_secret
    known = {
        name for name in options.keys() | defaults.keys() if names_secret(name) or options.get(name, {}).get("no_log")
    }
    known |= options.keys() & {name for text in texts for name in passed_on(text)}
    # What a secret's default reads is secret, too, and so is each default that reads that.
    read = {name for secret in known for name in passed_on(defaults.get(secret)) if name.startswith("user_vpn_")}
    return known | {name for name, default in defaults.items() if passed_on(default) & (known | read)}


def out_of_step(role: Path) -> list[str]:
    """Sentences about what differs between a role's defaults and its argument_specs."""
    defaults, options, secrets = defaults_of(role), options_of(role), secrets_of(role)
    problems = [
        f"{role.name}: {name} has a default, but no entry in argument_specs" for name in defaults.keys() - options
    ]
    for name, option in sorted(options.items()):
        if not name.startswith(f"{role.name}_"):
            problems.append(f"{role.name}: {name} lacks the role's prefix")
        if name in secrets:
            if "default" in option:
                problems.append(
                    f"{role.name}: {name} holds a secret, and its default in argument_specs would be printed"
                )
            if option["type"] == "str" and not option.get("no_log"):
                problems.append(f"{role.name}: {name} holds a secret, and lacks no_log in argument_specs")
        elif name not in defaults and "default" in option:
            problems.append(f"{role.name}: {name} has a default in argument_specs only")
        elif name in defaults and option.get("default") != documented(defaults[name]):
            problems.append(f"{role.name}: the default of {name} is another one in argument_specs than in defaults")
    return problems


def without_effect(role: Path) -> list[str]:
    """Sentences about documented variables that nothing in the role reads."""
    files = [path for part in ("defaults", "tasks", "templates", "vars") for path in sorted((role / part).glob("*"))]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    unread = [name for name in options_of(role) if not re.search(rf"\b{name}\b(?!:)", text)]
    return [f"{role.name}: {name} is documented, and nothing in the role reads it" for name in sorted(unread)]


def fleet_variables(role: Path, option: str) -> list[str]:
    return list(dict.fromkeys(FLEET_VARIABLE.findall(str(defaults_of(role).get(option, "")))))


def role_readme(role: Path) -> str:
    specs, defaults = load(role / "meta/argument_specs.yml")["argument_specs"], defaults_of(role)
    lines = [f"# Role `vwan.user_vpn.{role.name}`", ""]
    for name, entry in specs.items():
        if name != "main":
            lines += [f"## Entry point `{name}`", ""]
        lines += [f"{sentences(entry['short_description'])}.", "", sentences(entry["description"]), ""]
        if entry.get("options"):
            lines += ["| variable | type | default | fleet-wide | meaning |", "|---|---|---|---|---|"]
        for option, rule in entry.get("options", {}).items():
            default = "required" if rule.get("required") else shown(documented(defaults.get(option, "")))
            choices = (
                f" One of {', '.join(f'`{choice}`' for choice in rule['choices'])}." if rule.get("choices") else ""
            )
            fleet = ", ".join(f"`{name}`" for name in fleet_variables(role, option))
            meaning = f"{sentences(rule['description'])}{choices}"
            lines.append(f"| `{option}` | {rule['type']} | {default} | {fleet} | {meaning} |")
        lines.append("")
    lines += [
        "`user_vpn_...` is set once for the fleet: [docs/variables.md](../../docs/variables.md).",
        "",
    ]
    return "\n".join(lines)


def meaning(variable: str, descriptions: dict[str, str]) -> str:
    """What the first role variable of that name says: others may read it to conclude something from it."""
    name = variable.removeprefix("user_vpn")
    named = [text for option, text in descriptions.items() if option.endswith(name)]
    return (named or list(descriptions.values()))[0]


def variables(roles: list[Path]) -> str:
    """The list of fleet-wide variables, each with the role variables that read it."""
    readers: dict[str, dict[str, str]] = {}
    for role in roles:
        for entry in load(role / "meta/argument_specs.yml")["argument_specs"].values():
            for option, rule in entry.get("options", {}).items():
                for name in fleet_variables(role, option):
                    readers.setdefault(name, {})[option] = sentences(rule["description"])
    lines = [
        "# Fleet-wide variables",
        "",
        "Set these once, in the inventory. A role reads them through variables of its own, so it can be used alone.",
        "",
        "| variable | meaning | read by |",
        "|---|---|---|",
    ]
    for name in sorted(readers):
        options = ", ".join(f"`{option}`" for option in readers[name])
        lines.append(f"| `{name}` | {meaning(name, readers[name])} | {options} |")
    lines += [
        "",
        "Read by the playbooks only:",
        "",
        "* `user_vpn_azure`: the options by which the Azure modules sign in (`subscription_id`, `tenant`, `client_id`,",
        "  `secret`, ...), for those who do not keep them in the environment. See [azure.md](azure.md).",
        "* `user_vpn_mdm`: the server that `user_vpn_delivery: mdm` hands the profiles to, as the option `server` of",
        "  `vwan.user_vpn.mdm_profile`. See [mdm.md](mdm.md).",
        "* `user_vpn_hosts` (extra variable only): the hosts or groups the playbooks act on, `user_vpn` by default.",
        "* `user_vpn_serial`: the `serial` of the plays over Macs, and `user_vpn_max_fail_percentage`: how many of a",
        "  hundred Macs may fail before the run ends for all. See [scale.md](scale.md#batches).",
        "* `user_vpn_evidence`: the file that the playbook `evidence` writes, `user_vpn/evidence.txt` beside the",
        "  inventory by default.",
        "",
        "Of each Mac, in the inventory:",
        "",
        "* `user_vpn_serial_number`, or `user_vpn_udid` where the MDM goes by that: by which an MDM finds it. The",
        "  inventory plugin `vwan.user_vpn.mdm` sets the serial number. See [mdm.md](mdm.md).",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    roles = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
    problems = [problem for role in roles for problem in out_of_step(role) + without_effect(role)]
    wanted = {role / "README.md": role_readme(role) for role in roles} | {ROOT / "docs/variables.md": variables(roles)}
    for path, text in wanted.items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if "--write" in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
        else:
            problems.append(
                f"{path.relative_to(ROOT)} is not what argument_specs say: run {Path(__file__).name} --write"
            )
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
