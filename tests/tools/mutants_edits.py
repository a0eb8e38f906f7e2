# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small faults that could be planted in a text of Python, sh or YAML. See mutants.py beside this file."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice

import yaml

Edit = tuple[str, int, int, str]  # what kind of fault, from where to where in the text, and what stands there instead

# Python

TURNED = {
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}
SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any"}
WRAPPERS = {"sorted", "set", "frozenset", "reversed"}
CLEANERS = {"strip", "lower", "upper", "casefold", "expanduser", "absolute", "resolve"}


def python_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those in annotations, decorators, messages, docstrings and what only type checkers read."""
    match node:
        case ast.JoinedStr() | ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return
        case ast.Expr(value=ast.Constant()) | ast.Assign(targets=[ast.Name(id="__all__")]):
            return
    yield node
    if isinstance(node, ast.Raise):
        return
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns", "decorator_list"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from python_nodes(child)


class Source:
    """Where the nodes of a Python text are in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.split("\n")
        self.starts = [0, *accumulate(len(line) + 1 for line in self.lines)]

    def span(self, node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._at(node.lineno, node.col_offset), self._at(node.end_lineno, node.end_col_offset)

    def _at(self, row: int, column: int) -> int:
        return self.starts[row - 1] + len(self.lines[row - 1].encode()[:column].decode())

    def of(self, node: ast.expr) -> str:
        start, end = self.span(node)
        return self.text[start:end]

    def turned(self, test: ast.expr) -> Edit:
        return "condition turned", *self.span(test), f"(not ({self.of(test)}))"


def python_edits(text: str) -> Iterator[Edit]:
    source = Source(text)
    for node in python_nodes(ast.parse(text)):
        yield from condition_edits(source, node)
        yield from statement_edits(source, node)
        yield from value_edits(source, node)


def condition_edits(source: Source, node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield source.turned(test)
        case ast.comprehension(ifs=tests):
            yield from map(source.turned, tests)
        case ast.BoolOp(op=operation, values=values):
            operator = " and " if isinstance(operation, ast.And) else " or "
            for dropped in values:
                kept = operator.join(f"({source.of(value)})" for value in values if value is not dropped)
                yield "part of a condition dropped", *source.span(node), f"({kept})"
        case ast.Compare(left=left, ops=ops, comparators=others):
            for first, compared, second in zip([left, *others], ops, others, strict=False):
                start, end = source.span(first)[1], source.span(second)[0]
                yield "comparison changed", start, end, source.text[start:end].replace(*TURNED[type(compared)], 1)
                if isinstance(second, ast.Constant) and isinstance(second.value, str):
                    yield "constant changed", *source.span(second), repr(f"{second.value}?")


def statement_edits(source: Source, node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.Expr(value=ast.Call()):
            yield "call dropped", *source.span(node), "pass"
        case ast.Raise() | ast.AugAssign() | ast.Delete() | ast.Continue() | ast.Break():
            yield "line removed", *source.span(node), "pass"
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield "line removed", *source.span(node), "pass"
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield "return emptied", *source.span(value), "None"


def value_edits(source: Source, node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.Call(func=ast.Name(id=name) as function) if name in SWAPPED:
            yield "call changed", *source.span(function), SWAPPED[name]
        case ast.Call(func=ast.Name(id=name), args=[kept]) if name in WRAPPERS:
            yield "call dropped", *source.span(node), source.of(kept)
        case ast.Call(func=ast.Attribute(value=kept, attr=name), args=[]) if name in CLEANERS:
            yield "call dropped", *source.span(node), source.of(kept)
        case ast.Constant(value=bool() | int() as value) as constant:
            changed = str(not value) if isinstance(value, bool) else str(value + 1)
            yield "constant changed", *source.span(constant), changed
        case ast.Dict(keys=keys, values=values):
            parts = [
                (source.span(key or value)[0], source.span(value)[1]) for key, value in zip(keys, values, strict=True)
            ]
            for index, key in enumerate(keys):
                start, end = parts[index]
                if key and source.text[start:end] != '"type": "str"':  # the default of a module's option
                    yield "entry dropped", *without(parts, index), ""
    if isinstance(node, ast.Call):
        parts = [*map(source.span, node.args), *map(source.span, node.keywords)]
        for index, keyword in enumerate(node.keywords, start=len(node.args)):
            if keyword.arg and keyword.arg != "usedforsecurity":
                yield "argument dropped", *without(parts, index), ""


def without(parts: Sequence[tuple[int, int]], index: int) -> tuple[int, int]:
    """The span of one of several parts, with the comma that belongs to it."""
    if index + 1 < len(parts):
        return parts[index][0], parts[index + 1][0]
    return (parts[index - 1][1] if index else parts[index][0]), parts[index][1]


# sh, with the awk in it

SH_LINE = (
    ("condition turned", r"\b(?:if|elif|while) (?P<it>[^!:].*?); (?:then|do)", "! {{ {it}; }}"),
    ("condition turned", r"(?<!if )(?<!! )(?P<it>\[ [^]]+ \]) (?:\|\||&&)", "! {it}"),
    ("condition turned", r"\bif \((?P<it>.+?)\) [^&|]", "!({it})"),
    ("comparison changed", r"\[ [^]!]*?(?P<it>-ge|-gt|-le|-lt|-[nzexrfd]|!=|=)(?= )", ""),
    ("option dropped", r"(?<=[\w\"'])(?P<it> --?(?!(?:ge|gt|le|lt|eq|ne) )[A-Za-z][\w-]*)(?=[ )|;]|$)", ""),
    ("redirection dropped", r"(?P<it> 2?[<>] ?(?:/dev/null|&1))", ""),
    ("constant changed", r"\bumask (?P<it>077)", "022"),
    ("constant changed", r"\bchmod (?P<it>700)", "755"),
    ("constant changed", r"\b(?:exit|return) (?P<it>[1-9]\d*)", "0"),
    ("call dropped", r"^\s*[^()]+\) (?P<it>[^;]+) ;;", ":"),
    ("trap taken out", r"^\s*(?P<it>trap .*)", ":"),
    ("line removed", r"^(?!\s*(?:[a-z_]+=\S*$|trap |esac|done|fi$|else$|\w+\(\) ))(?P<it>.*\S.*[^\\{(|])$", ""),
)
SH_TURNED = {"-ge": "-gt", "-gt": "-ge", "-le": "-lt", "-lt": "-le", "-n": "-z", "-z": "-n", "!=": "=", "=": "!="}


def sh_edits(text: str) -> Iterator[Edit]:
    def runs(edit: Edit) -> bool:
        changed = (text[: edit[1]] + edit[3] + text[edit[2] :]).encode()
        return subprocess.run(["/bin/sh", "-n"], input=changed, capture_output=True, check=False).returncode == 0

    start = 0
    for line in text.split("\n"):
        for kind, pattern, new in () if line.lstrip().startswith("#") else SH_LINE:
            for match in re.finditer(pattern, line):
                it, span = match["it"], (start + match.start("it"), start + match.end("it"))
                instead = SH_TURNED.get(it, f"! {it}") if kind == "comparison changed" else new.format(it=it)
                if kind != "line removed":
                    yield kind, *span, instead
                elif all(it.count(left) == it.count(right) for left, right in ("()", "{}")):
                    yield from islice(filter(runs, [(kind, *span, ""), (kind, *span, ":")]), 1)
        start += len(line) + 1


# YAML: tasks, playbooks, and the defaults by which a role gets its variables

SWITCHES = {"no_log", "become", "run_once", "changed_when", "failed_when", "check_mode", "delegate_to", "when", "tags"}
SWITCHES |= {"ignore_unreachable", "gather_facts", "module_defaults", "apply", "any_errors_fatal", "throttle", "serial"}
WORDING = {"name", "msg", "fail_msg", "label", "quiet", "register", "hosts"}
JUDGED = ("when", "that", "failed_when", "changed_when")
JINJA = (
    (r"\bselectattr\b", "rejectattr"),
    (r"\brejectattr\b", "selectattr"),
    (r" and ", " or "),
    (r" or ", " and "),
    (r"==", "!="),
    (r"!=", "=="),
    (r" is not ", " is "),
    (r" is (?!not )", " is not "),
    (r" not in ", " in "),
    (r" > ", " >= "),
    (r" \| default\(omit(?:, true)?\)", ""),
    (r"\buser_vpn_\w+(?= \|)", "nothing_passed_on"),
)


def yaml_edits(text: str) -> Iterator[Edit]:
    starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]

    def following(node: yaml.Node) -> int:
        """The line after a node; a block's own end is where the next one starts."""
        block = isinstance(node, yaml.CollectionNode) and not node.flow_style
        return int(node.end_mark.line) + (not block)

    def visit(node: yaml.Node, key: str = "") -> Iterator[Edit]:
        start, end = node.start_mark.index, node.end_mark.index
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                if isinstance(item, yaml.MappingNode) and item.value[0][0].value == "name":
                    lines = starts[item.start_mark.line], starts[following(item)]
                    yield "task removed", *lines, ""
                yield from visit(item, key)
        elif isinstance(node, yaml.MappingNode):
            following_lines = [name.start_mark.line for name, _value in node.value[1:]] + [following(node)]
            for (name, value), line in zip(node.value, following_lines, strict=True):
                if name.value in WORDING:
                    continue
                if name.value in SWITCHES or "." in key or (name.value == "vars" and "import_playbook" in text):
                    kind = "argument" if "." in key else name.value
                    yield f"{kind} dropped", starts[name.start_mark.line], starts[line], ""
                yield from visit(value, name.value)
        elif isinstance(node, yaml.ScalarNode) and ("{{" in node.value or key in JUDGED):
            if key in JUDGED and not node.style:
                yield f"{key} turned", start, end, f"not ({node.value})"
            for pattern, new in JINJA:
                for match in re.finditer(pattern, text[start:end]):
                    yield "expression changed", start + match.start(), start + match.end(), new

    whole = yaml.compose(text)
    if whole:
        yield from visit(whole)
