# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter `next_round`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..module_utils._fleet.rounds import has_approved, is_waiting, next_round
from ..module_utils._fleet.run import Run

DOCUMENTATION = r"""
name: next_round
short_description: When to look again whether people have approved
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - People approve a profile when it suits them. All are waited for together, by looking at their Macs again after 2,
    5, 10, 20 and 30 seconds, and then every 30 seconds or so, at most 40 times.
positional: hostvars, since, limit
options:
  _input:
    description: Names of hosts that were offered a profile. What they said last is C(configure_client_result).
    type: list
    elements: str
    required: true
  hostvars:
    description: The variable C(hostvars).
    type: dict
    required: true
  since:
    description: When waiting began, in seconds since 1970.
    type: float
    required: true
  limit:
    description: For how many seconds to wait altogether.
    type: float
    required: true
"""

EXAMPLES = r"""
- name: Say who is waited for
  ansible.builtin.debug:
    msg: "{{ (ansible_play_hosts | vwan.user_vpn.next_round(hostvars, begun, 300)).line }}"
  vars:
    begun: "{{ now().timestamp() }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: >-
    C(seconds) to wait, 0 where there is nothing to wait for any more; C(waiting), the hosts that are waited for; and
    C(line) for people.
  type: dict
  sample:
    seconds: 5
    waiting: [mac-042, mac-043]
    line: 48 of 50 have their profile; waiting for mac-042, mac-043
"""


def asked(hosts: Sequence[str], hostvars: Mapping[str, Any], since: float, limit: float) -> dict[str, Any]:
    run = Run(hostvars, hosts)
    waiting = [host for host in run.hosts if is_waiting(run, host)]
    approved = sum(has_approved(run.of(host, "configure_client_result")) for host in run.hosts)
    return next_round(waiting, approved, time.time() - float(since), float(limit))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"next_round": asked}
