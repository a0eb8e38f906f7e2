# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets the clock of ansible-playbook, and of the workers that it forks, to USER_VPN_TEST_NOW; from there it goes on.

Only Python's clock: OpenSSL and ssh go by the real one. The collection knows nothing of it.
"""

from __future__ import annotations

import os
from datetime import datetime

import time_machine
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: clock
type: notification
short_description: Another time of day
description: For the tests of this collection.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "clock"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments, **options) -> None:
        super().__init__(*arguments, **options)
        time_machine.travel(datetime.fromisoformat(os.environ["USER_VPN_TEST_NOW"])).start()
