# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Where the store is: what every module of this collection that touches it has."""

    DOCUMENTATION = r"""
options:
  pki:
    description:
      - Where the store is, which holds the roots, the certificates, their sealed private keys, and what each Mac was
        seen with.
      - The path of a file on the controller, for SQLite. It is made for its owner alone. Its file system needs locks
        that work (local, or NFSv4).
      - Or C(postgresql://USER@HOST:PORT/DATABASE?sslmode=verify-full&schema=NAME), for PostgreSQL, where several
        controllers or the containers of jobs share a store. Each C(schema), V(user_vpn) by default, is a store of its
        own. All else is libpq's. The Python package C(psycopg) has to be installed on the controller.
      - A password in the URL is refused. libpq finds it by itself, in E(PGPASSWORD), in the file that E(PGPASSFILE)
        names, or in that of E(PGSERVICE).
    type: str
    required: true
"""

    OPTIONAL = r"""
options:
  pki:
    description:
      - Where the store is, as M(vwan.user_vpn.root_certificate) takes it. The path of a file on the controller, or
        C(postgresql://USER@HOST/DATABASE).
    type: str
"""
