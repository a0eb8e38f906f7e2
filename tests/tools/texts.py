# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What our code may say."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_SPEAKING = ("module_utils", "action", "plugin_utils")


def speaking() -> list[Path]:
    """The files whose sentences reach a user."""
    return sorted(path for part in _SPEAKING for path in (ROOT / "plugins" / part).rglob("*.py"))


def texts(path: Path) -> Iterator[str]:
    """Its strings, each with what stands between others (an X for what is put in), without its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(each.value) if isinstance(each, ast.Constant) else "X" for each in node.values)
        elif isinstance(node, ast.Constant) and " " in str(node.value):
            yield str(node.value)
