# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Attributes that every module of this collection states about itself."""

    DOCUMENTATION = r"""
options: {}
attributes:
  action:
    description: Runs as an action, inside C(ansible-playbook). Nothing is copied to the target, which needs no Python.
    support: full
  async:
    description: Supports being run with the C(async) keyword.
    support: none
  check_mode:
    description: Predicts what a real run would do, and changes nothing.
  diff_mode:
    description: Returns what has changed, or would change, without any secret.
  idempotent:
    description: A second run with the same arguments changes nothing.
"""

    # The work is done on the controller, whatever host the task belongs to.
    CONTROLLER = r"""
options: {}
attributes:
  platform:
    description: >-
      The work is done on the controller, under the account that runs C(ansible-playbook); C(become) and
      C(delegate_to) have no effect.
    platforms: posix
    support: full
"""

    # The work is done on the Mac of the task, by POSIX sh and tools that every Mac has.
    MAC = r"""
options: {}
attributes:
  platform:
    description: The target is a Mac, reached by an ordinary Ansible connection such as C(ssh). It needs no Python.
    platforms: macos
    support: full
"""
