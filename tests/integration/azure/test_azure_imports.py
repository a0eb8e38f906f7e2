# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Azure SDK is imported by a call to Azure, and by nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils import _errors
from ansible_collections.vwan.user_vpn.plugins.module_utils._azure import sdk
from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError

PLUGINS = Path(_errors.__file__).parents[1]


def test_no_action_imports_the_sdk(tmp_path: Path) -> None:
    actions = sorted(path.stem for path in (PLUGINS / "action").glob("*.py"))
    assert "profile_package" in actions
    program = (
        "import importlib, sys\n"
        f"for name in {actions!r}:\n"
        "    importlib.import_module(f'ansible_collections.vwan.user_vpn.plugins.action.{name}')\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('azure', 'msal', 'requests', 'urllib3')])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_other_actions_import_nothing_of_ours_that_is_for_azure(tmp_path: Path) -> None:
    """But for the rule by which Azure tells user groups apart, which the conclusion needs, and which calls nobody.

    Those that ask an MDM sign in to Intune as to Azure.
    """
    doors = {path.stem: path.read_text("utf-8") for path in (PLUGINS / "action").glob("*.py")}
    others = [name for name, text in doors.items() if "AzureAction" not in text and "_mdm_action" not in text]
    program = (
        "import importlib, sys\n"
        f"for name in {others!r}:\n"
        "    importlib.import_module(f'ansible_collections.vwan.user_vpn.plugins.action.{name}')\n"
        "print(sorted(name.partition('._azure')[2] for name in sys.modules if '._azure' in name))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "['', '.groups']\n"


def test_a_missing_sdk_says_what_to_install() -> None:
    with pytest.raises(UserVpnError, match="pip install 'azure-mgmt-network>=28' azure-identity"):
        sdk.load("azure_that_nobody_has")
