# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter `macs`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible import context as command_line
from jinja2 import pass_context
from jinja2.runtime import Context

from ..module_utils._fleet.choosing import chosen
from ..module_utils._fleet.naming import pattern
from ..module_utils._fleet.run import Run
from ..module_utils._fleet.settings import DEFAULTS

DOCUMENTATION = r"""
name: macs
short_description: The Macs of this run that a play concerns
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - Concludes from what the roles have registered so far which Macs have to be contacted, for the C(hosts) of a play.
    The Macs of the run are those of the fact C(user_vpn_fleet).
  - A play whose list is empty says so in one line.
positional: which, hosts
options:
  _input:
    description: The variable C(hostvars).
    type: dict
    required: true
  which:
    description:
      - V(fleet), all of them.
      - V(deliver), those whose profile was rendered, and that are to be asked for it.
      - V(mdm), those whose profile was rendered for their MDM, which is to be asked instead of them.
      - V(undelivered), those of V(mdm) that the MDM could not bring their profile, or that must have it and do not.
      - V(in_mdm), those whose MDM delivers.
      - V(keychain), those that have their certificates in a keychain.
      - V(make_key), those that have to make a private key first.
      - V(wait), those whose person is to approve the profile.
      - V(connect), those whose tunnel is down, where something can start it.
      - V(refused), those whose authentication a gateway refused.
      - V(connected), those whose tunnel is up.
      - V(due), those that P(vwan.user_vpn.due#filter) named.
      - V(revoked), those that P(vwan.user_vpn.holders#filter) named, without V(revoked_in_mdm).
      - V(revoked_in_mdm), those of them whose MDM is to take the profile off.
      - V(fail), those that the conclusion counts as failed.
      - V(stop), these and one that has not failed, for the end of a playbook. Where all hosts of a play fail, Ansible
        ends the run for all others.
      - V(uncut), the one that tells for all that sessions of whoever was revoked may go on.
    type: str
    choices:
      [fleet, deliver, mdm, undelivered, in_mdm, keychain, make_key, wait, connect, refused, connected, due, revoked,
      revoked_in_mdm, fail, stop, uncut]
    required: true
  hosts:
    description: Of which Macs to choose, where it is not those of C(user_vpn_fleet).
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Connect whom it concerns
  hosts: "{{ hostvars | vwan.user_vpn.macs('connect') }}"
  gather_facts: false
  become: true
  tasks:
    - name: Connect
      ansible.builtin.import_role:
        name: vwan.user_vpn.connect
"""

RETURN = r"""
_value:
  description: Names of hosts. For the C(hosts) of a play, one that Ansible would read as more than a name, as
    C(Anna's Mac), is a pattern that only this host matches.
  type: list
  elements: str
  sample: [mac-042]
"""


@pass_context
def macs(context: Context, hostvars: Mapping[str, Any], which: str, hosts: list[str] | None = None) -> list[str]:
    # Where the hosts of a play are worked out there is no host: what is known of these variables holds for the play.
    of_a_play = "inventory_hostname" not in context
    names = [f"user_vpn_{name}" for name in DEFAULTS] if of_a_play else []
    play = {name: context.resolve(name) for name in names if name in context}
    run = Run(hostvars, hosts, play, check=context.get("ansible_check_mode", False))
    if of_a_play and command_line.CLIARGS.get("start_at_task"):
        run.require_beginning()
    found = chosen(run, which)
    return [pattern(host) for host in found] if of_a_play else found


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"macs": macs}
