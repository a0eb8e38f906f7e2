# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: private keys, sealed under a passphrase.

    passphrase --scrypt--> wrapping key --AES-256-GCM--> data key --AES-256-GCM--> each private part

The data key is random and stays the same for the life of a store, so a new passphrase wraps 32 bytes anew and touches
nothing else. What a seal belongs to is authenticated with it, so a seal in another row, of another store or of another
kind does not open.

The passphrase counts in its composed form (Unicode NFC): a Mac and a Linux machine may type the same letters otherwise.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import secrets
import unicodedata
from dataclasses import dataclass, field
from typing import Any

from ._base import PkiError

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ImportError:
    pass  # whoever unlocks a store has made sure of cryptography, to read certificates

SHORTEST = 12  # characters
LONGEST = 1023  # bytes
NONCE = 12  # bytes (NIST SP 800-38D)
KEY = 32
# 32 MiB and some 60 ms for each guess. What a store says is bounded, so that none makes us take gigabytes, or next to
# nothing.
SCRYPT = {"n": 1 << 15, "r": 8, "p": 1}
MOST_MEMORY = 256 << 20


class WrongPassphraseError(PkiError):
    """The passphrase is not the one of the store."""


@dataclass(frozen=True)
class Vault:
    """Seals and opens the private parts of one store."""

    store_id: str
    key: bytes = field(repr=False)

    def seal(self, content: bytes, belongs_to: str) -> bytes:
        nonce = secrets.token_bytes(NONCE)
        return nonce + AESGCM(self.key).encrypt(nonce, content, self._bound(belongs_to))

    def open(self, sealed: bytes, belongs_to: str) -> bytes:
        try:
            return AESGCM(self.key).decrypt(sealed[:NONCE], sealed[NONCE:], self._bound(belongs_to))
        except (InvalidTag, ValueError):
            raise PkiError(
                f"What the store holds as the {belongs_to} was altered, or belongs elsewhere; restore the store from "
                "a backup, or issue it anew."
            ) from None

    def wrap(self, passphrase: str, option: str = "passphrase") -> str:
        """The data key, wrapped under a passphrase, as the text that a store keeps."""
        salt = secrets.token_bytes(16)
        nonce = secrets.token_bytes(NONCE)
        wrapping = AESGCM(_derive(check_passphrase(passphrase, option), salt, **SCRYPT))
        wrapped = nonce + wrapping.encrypt(nonce, self.key, self._bound("data key"))
        return json.dumps(SCRYPT | {"kdf": "scrypt", "salt": _text(salt), "wrapped": _text(wrapped)}, sort_keys=True)

    def _bound(self, belongs_to: str) -> bytes:
        return f"{self.store_id} {belongs_to}".encode()


def new_vault(store_id: str) -> Vault:
    return Vault(store_id, secrets.token_bytes(KEY))


def unwrap(text: str, store_id: str, passphrase: str) -> Vault:
    """The vault of which `wrap` gave the text. WrongPassphraseError when it does not open."""
    salt, wrapped, cost = _parameters(text)
    key = _derive(check_passphrase(passphrase), salt, **cost)
    try:
        data_key = AESGCM(key).decrypt(wrapped[:NONCE], wrapped[NONCE:], f"{store_id} data key".encode())
    except (InvalidTag, ValueError):
        raise WrongPassphraseError(
            "passphrase is not the one of this store; set the passphrase that it was begun with, or the one that it "
            "was last given with the state rekeyed of the module ledger."
        ) from None
    return Vault(store_id, data_key)


def check_passphrase(passphrase: str | None, option: str = "passphrase") -> str:
    """The passphrase in the form that counts; PkiError for one that is none, too short or endless."""
    if not passphrase:
        raise PkiError(f"Set {option}: it seals the private keys in the store.")
    try:
        normal = unicodedata.normalize("NFC", passphrase)
        size = len(normal.encode())
    except UnicodeEncodeError:
        raise PkiError(f"{option} has characters that are no text; alter it.") from None
    if len(normal) < SHORTEST:
        raise PkiError(f"{option} has {len(normal)} characters; it must have at least {SHORTEST}.")
    if size > LONGEST:
        raise PkiError(f"{option} is longer than {LONGEST} bytes; give a shorter one.")
    return normal


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _parameters(text: str) -> tuple[bytes, bytes, dict[str, int]]:
    try:
        stored: Any = json.loads(text)
        salt, wrapped = (base64.b64decode(stored[name], validate=True) for name in ("salt", "wrapped"))
        cost = {name: stored[name] for name in SCRYPT}
        n, r, p = cost.values()
        good = stored["kdf"] == "scrypt" and all(_is_number(value) and value > 0 for value in cost.values())
        good = good and n >= 1 << 14 and n & (n - 1) == 0 and r >= SCRYPT["r"] and p <= 16
        good = good and 128 * n * r <= MOST_MEMORY and len(salt) >= 16 and len(wrapped) > NONCE
    except (ValueError, LookupError, TypeError, RecursionError):
        good = False
    if not good:
        raise PkiError("What the store says about its passphrase makes no sense; restore the store from a backup.")
    return salt, wrapped, cost


@functools.lru_cache(maxsize=8)  # a run asks more than once, and each time costs what an attacker's guess costs
def _derive(passphrase: str, salt: bytes, *, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(passphrase.encode(), salt=salt, n=n, r=r, p=p, maxmem=2 * MOST_MEMORY, dklen=KEY)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
