# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""open: hand a file to the desktop session, here to the Profiles pane.

Sources: man open; for the panes: the instructions of Addigy and of hwdsl2/setup-ipsec-vpn; the code of
geteduroam/apple-app (ConnectFeature.swift) and jawj/IKEv2-setup, which delete the file a moment after opening it: the
pane has copied it by then.

Assumed, not documented: outside the session of the user at the screen, `open` fails as it does without a window server
(LSOpenURLsWithRole, -10810).
"""

from __future__ import annotations

import asyncio
import getopt
from pathlib import Path

from ..calls import Call
from ..mac import Mac, User

USAGE = "Usage: open [-e] [-t] [-f] [-W] [-R] [-n] [-g] [-h] [-b <bundle identifier>] [-a <application>] [filenames]\n"
PANE = "/System/Library/PreferencePanes/Profiles.prefPane"
URL = "x-apple.systempreferences:com.apple.Profiles-Settings.extension"


async def run(call: Call) -> int:  # noqa: PLR0911 (one return per case)
    try:
        _unused, files = getopt.getopt(call.args, "g")
    except getopt.GetoptError as error:
        return call.refuse(str(error), f"open: unrecognized option `-{error.opt}'\n{USAGE}")
    panes = [word for word in files if word in (PANE, URL)]
    documents = [word for word in files if word not in (PANE, URL)]
    if len(panes) > 1 or len(documents) != 1 or "://" in documents[0]:
        return call.refuse("the lab opens one profile, by itself or with the Profiles pane", USAGE)
    if panes and panes != [PANE if call.mac.release.pane_by_path else URL]:
        call.err(f"The file {panes[0]} does not exist.\n")
        return call.refuse(f"macOS {call.mac.release.version} opens the pane in another way")
    given = documents[0]
    path = call.path(given)
    if not path.exists():
        call.err(f"The file {given} does not exist.\n")
        return 1
    if not (call.session == call.user.uid and call.mac.console_user == call.user.name):
        call.err(f"LSOpenURLsWithRole() failed with error -10810 for the file {given}.\n")
        return 1
    if not call.mac.readable_by(path, call.user):
        call.err(f"LSOpenURLsWithRole() failed with error -5000 for the file {given}.\n")
        return 1
    call.lab.submit(_copy(call.mac, path, call.user))
    return 0


async def _copy(mac: Mac, path: Path, user: User) -> None:
    await asyncio.sleep(mac.copy_after)
    if mac.console_user == user.name and mac.readable_by(path, user):
        mac.download(path.read_bytes(), user.name)
