# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter `present`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible import context as command_line
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.utils.display import Display
from jinja2 import pass_context
from jinja2.runtime import Context

from ..module_utils._fleet.naming import require_pattern, require_somebody
from ..module_utils._fleet.variables import unknown
from ..plugin_utils._core import require_core

DOCUMENTATION = r"""
name: present
short_description: Hosts for a play that must not be in vain
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - A play without hosts ends well, and has done nothing. This filter fails where no host of the inventory matches, and
    returns what it was given where there is one. A group that is there and empty is no mistake.
  - It warns of variables whose names begin with C(user_vpn_) and that nothing reads, among those of the command line
    and, once a play has run, of the first of these hosts.
  - It fails on a release of ansible-core that is too old, of which Ansible itself only warns.
options:
  _input:
    description: Hosts as the keyword C(hosts) takes them, a pattern or a list.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Report
  hosts: "{{ 'user_vpn' | vwan.user_vpn.present }}"
  gather_facts: false
  tasks:
    - name: Tell where each Mac stands
      ansible.builtin.import_role:
        name: vwan.user_vpn.report
      run_once: true
"""

RETURN = r"""
_value:
  description: The same hosts.
  type: raw
  sample: user_vpn
"""

LISTINGS = ("syntax", "listhosts", "listtasks", "listtags")


@pass_context
def present(context: Context, hosts: Any) -> Any:
    require_core()
    require_pattern(hosts)
    if any(command_line.CLIARGS.get(option) for option in LISTINGS):
        return hosts
    groups: Mapping[str, Any] = context.get("groups") or {}
    found = groups[hosts] if isinstance(hosts, str) and hosts in groups else _matching(hosts, groups)
    require_somebody(hosts, found, groups)
    hostvars = context.get("hostvars") or {}  # not there before the first play
    told = hostvars[found[0]] if found and hostvars else {}
    for sentence in unknown([*context.parent, *told]):
        Display().warning(sentence)
    return hosts


def _matching(hosts: Any, groups: Mapping[str, Any]) -> list[str]:
    lookup = lookup_loader.get("ansible.builtin.inventory_hostnames", loader=DataLoader())
    return list(lookup.run(hosts if isinstance(hosts, list) else [hosts], variables={"groups": groups}))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"present": present}
