# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: which ansible-core it runs with.

Of a release that is too old, Ansible itself only warns (requires_ansible in meta/runtime.yml), and goes on.
"""

from __future__ import annotations

import re

from ansible import release
from ansible.errors import AnsibleError

OLDEST = (2, 19)


def require_core() -> None:
    """AnsibleError, which every release shows as it is, for one of ansible-core that is too old."""
    found = re.match(r"(\d+)\.(\d+)", release.__version__)
    if found and (int(found[1]), int(found[2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise AnsibleError(
            f"This is ansible-core {release.__version__}, and vwan.user_vpn needs {oldest} or newer, so nothing was "
            f"done: pip install 'ansible-core>={oldest}' in a virtual environment with Python 3.11 or newer."
        )
