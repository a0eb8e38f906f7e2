# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: where files are kept that belong to a fleet."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from pathlib import Path

from .._errors import UserVpnError, shown

#: What lies there, and the variable that names another place.
VARIABLES = {
    "user_vpn.db": "user_vpn_pki",
    "user_vpn/package.zip": "user_vpn_package",
    "user_vpn/profiles": "user_vpn_profiles_dir",
    "user_vpn/report": "user_vpn_report_dir",
    "user_vpn/evidence.txt": "user_vpn_evidence",
    "user_vpn/evidence-azure.txt": "user_vpn_evidence_azure",
}
#: Folders in which Ansible looks for something of its own, so that nothing is made there.
OF_ANSIBLE = ("group_vars", "host_vars", "roles", "collections", "library", "module_utils", "*_plugins")
#: What the folder of a project has, and one with nothing but an inventory has not.
OF_A_PROJECT = ("ansible.cfg", "playbooks", "roles", "collections")
INVENTORIES = ("inventory", "inventories")


def beside_inventory(name: str, sources: Sequence[str], start: Path | None = None) -> str:
    """A path beside the first of these inventories: not inside, where it is a folder, for all in there is an inventory.

    An inventory folder and a file in it mean the same inventory. So both places are looked at, and what is there
    already is used; UserVpnError, if it is in both. Where there is no inventory, or hosts are listed on the command
    line, it is where Ansible was started, which is `start`.
    """
    first = Path(sources[0]) if sources and "," not in sources[0] else None
    if first is None or not first.exists():
        return name
    folders = [Path(source) for source in sources if "," not in source and Path(source).is_dir()]
    places = [str(place / name) for place in _places(first, folders, start or Path.cwd())]
    found = [place for place in places if Path(place).exists()]
    if len(found) > 1:
        raise UserVpnError(
            f"{' and '.join(shown(place, 400) for place in found)} are both there, and one of them is meant: keep the "
            f"right one at {shown(places[0], 400)}, or name it in {VARIABLES.get(name, 'a variable')}."
        )
    return (found or places)[0]


def _places(first: Path, folders: Sequence[Path], start: Path) -> list[Path]:
    """The folders where a file may be that belongs to this inventory, the one where it is to be made in front."""
    inside = first if first.is_dir() else first.parent
    beside = inside.parent
    while _is_taken(beside, folders):
        beside = beside.parent
    if first.is_dir() or _is_taken(inside, folders):
        return [beside, inside]
    if beside == inside or any((inside / name).exists() for name in OF_A_PROJECT):
        return [inside]
    by_name = inside.name in INVENTORIES or inside.parent.name in INVENTORIES
    by_start = start == inside.parent and first.stem not in INVENTORIES
    return [beside, inside] if by_name or by_start else [inside, beside]


def _is_taken(folder: Path, folders: Sequence[Path]) -> bool:
    """Whether Ansible looks for something of its own in this folder: it is, or lies in, an inventory of this run."""
    if folder == folder.parent:
        return False
    within = any(folder == each or each in folder.parents for each in folders)
    return within or any(fnmatch.fnmatch(folder.name, pattern) for pattern in OF_ANSIBLE)
