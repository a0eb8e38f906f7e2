# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the PKI folder.

    pki.json                     the marker: this folder is ours, and in which format
    .lock                        held by the one process that writes
    ledger.sqlite3               every certificate ever issued (see ledger.py)
    roots/<SHA-1>/root.pem       a client root, the certificate that Azure trusts
    roots/<SHA-1>/chain.pem      the CAs between this root and its clients, the issuing one first, if there are any
    roots/<SHA-1>/root.key       the key that signs clients, PKCS#8, encrypted with the passphrase
    roots/<SHA-1>/generation     its number, which the ledger knows and no certificate tells
    clients/<name>/<SHA-1>.pem   every certificate ever issued to this client
    clients/<name>/<SHA-1>.p12   its current identity, encrypted with the PKCS#12 password

A file is named after its certificate, so a renewal never writes over the identity that it replaces.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .._documents import read_json
from .._files import locked, make_folder, read, tighten, write_atomic
from ._base import SMALL_FILE, PkiError, file_has, sha256_hex

FORMAT = 1
MARKER = "pki.json"
LOCK = ".lock"


@dataclass(frozen=True)
class Files:
    """Where the files of one certificate lie."""

    certificate: Path
    private: Path
    chain: Path | None = None
    generation: Path | None = None

    def has_generation(self, number: int) -> bool:
        """Whether the folder of a root tells its number; True for a client, which has none."""
        return self.generation is None or file_has(self.generation, sha256_hex(b"%d\n" % number))


@dataclass(frozen=True)
class Folder:
    """A PKI folder, which may not exist yet. `path` is absolute."""

    path: Path

    @property
    def ledger(self) -> Path:
        return self.path / "ledger.sqlite3"

    def root_files(self, sha1: str) -> Files:
        folder = self.path / "roots" / sha1
        return Files(folder / "root.pem", folder / "root.key", folder / "chain.pem", folder / "generation")

    def client_files(self, name: str, sha1: str) -> Files:
        folder = self.path / "clients" / name
        return Files(folder / f"{sha1}.pem", folder / f"{sha1}.p12")

    def exists(self) -> bool:
        """Whether the folder is one of ours; False for a missing or an empty one.

        A run killed while it made the folder leaves no more than the lock file and an unfinished marker: still empty.
        Raises PkiError for a folder that belongs to somebody else, or to a newer release.
        """
        marker = self.path / MARKER
        try:
            # Listed before the marker is looked for: another process that makes the folder writes the marker first.
            foreign = [e.name for e in self.path.iterdir() if e.name != LOCK and not e.name.startswith(f".{MARKER}.")]
            if marker.is_file():
                self._check_format(marker)
                return True
        except FileNotFoundError:
            return False
        except NotADirectoryError:
            raise PkiError(f"{self.path} is not a folder; give the path of a folder.") from None
        except OSError as error:
            raise PkiError(f"The PKI folder {self.path} cannot be read: {error.strerror}.") from None
        if foreign:
            raise PkiError(
                f"{self.path} is not a PKI folder of this collection: it holds files, but no {MARKER}. "
                "Give an empty or a new folder."
            )
        return False

    def _check_format(self, marker: Path) -> None:
        try:
            version = read_json(read(marker, SMALL_FILE))["format"]
        except (ValueError, KeyError, TypeError, IndexError):
            raise PkiError(f"{marker} is damaged; restore the PKI folder from its backup.") from None
        if version != FORMAT:
            raise PkiError(
                f"The PKI folder {self.path} has format {version!r}, this release knows format {FORMAT}; "
                "use the release of the collection that made the folder."
            )

    def require_writable(self) -> None:
        """Raise PkiError when this account could not write here. Writes nothing, so check mode asks it too."""
        nearest = self.path
        while not nearest.exists() and nearest != nearest.parent:
            nearest = nearest.parent
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise PkiError(
                f"The PKI folder {self.path} cannot be written by this account ({nearest} is read-only); "
                "make it writable, or run as its owner."
            )

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the folder's lock; the folder and its marker are there afterwards. One writer at a time."""
        self.exists()  # before anything is written into somebody else's folder
        self.require_writable()
        make_folder(self.path)
        tighten(self.path, below=False)
        with locked(self.path / LOCK):
            if not self.exists():
                write_atomic(self.path / MARKER, json.dumps({"format": FORMAT}).encode() + b"\n")
                self.sweep(self.path)
            yield

    @staticmethod
    def sweep(folder: Path) -> None:
        """Remove the unfinished temporary files of a killed run. Only under the lock: then nobody is writing."""
        for leftover in folder.glob(".*.tmp"):
            leftover.unlink(missing_ok=True)
