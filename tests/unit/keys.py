# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same key file is opened once, not in every test.

cryptography proves at each loading that the factors of an RSA key are prime, some 50 ms. The answer depends on the
bytes and the password alone, so it is remembered.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12


@contextmanager
def remembered_keys() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module, name in (
            (pkcs12, "load_pkcs12"),
            (pkcs12, "load_key_and_certificates"),
            (serialization, "load_pem_private_key"),
        ):
            patch.setattr(module, name, functools.cache(getattr(module, name)))
        yield
