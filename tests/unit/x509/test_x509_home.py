# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything about X.509 stands in one package."""

from __future__ import annotations

import ast
from pathlib import Path

PLUGINS = Path(__file__).parents[3] / "plugins"
X509 = {"cryptography.x509", "cryptography.x509.oid", "x509", "pkcs12"}


def imported(file: Path) -> set[str]:
    """What a file imports of the library: its modules, and the names out of them."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name.startswith("cryptography")}
        elif isinstance(node, ast.ImportFrom) and str(node.module).startswith("cryptography"):
            found |= {str(node.module), *(name.name for name in node.names)}
    return found


def test_no_other_file_imports_an_x509_library() -> None:
    files = [file for file in PLUGINS.rglob("*.py") if imported(file) & X509]
    assert files, "the test looks at the wrong place"
    assert {file.parent.name for file in files} == {"_x509"}


def test_there_is_one_sentence_for_a_missing_library() -> None:
    saying = [file for file in PLUGINS.rglob("*.py") if "pip install 'cryptography" in file.read_text()]
    assert [file.relative_to(PLUGINS).as_posix() for file in saying] == ["module_utils/_x509/errors.py"]


def test_it_knows_nothing_of_ansible() -> None:
    for file in (PLUGINS / "module_utils/_x509").glob("*.py"):
        text = file.read_text()
        assert "ansible" not in text.lower().replace("knows nothing of ansible", "")
