# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what an MDM refuses."""

from __future__ import annotations

from .._errors import UserVpnError


class MdmError(UserVpnError):
    """The server cannot be used, or not any more: no answer, no access."""


class RefusedError(MdmError):
    """The server does not do one thing; others may go well. `status` is that of HTTP."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


class UnknownDeviceError(RefusedError):
    """The server does not know the Mac."""


class LostAnswerError(MdmError):
    """Nobody knows whether the server has done it."""
