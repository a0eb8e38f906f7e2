# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: identities of clients, before they are in the store and after they have left it.

One is made here, supplied by somebody else's CA, or certified for a key that its Mac has made. A supplied one is
checked as ours would be, and encoded again: whatever form it has, the Mac gets the one that it opens. It is remembered
by the digest of its files, so that an unchanged one is not even opened.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from .._errors import UserVpnError
from .._files import check_folder_for, delete, make_folder, read, would_write, write_atomic
from .._x509 import bounds, certificates, checks, csr, keys, making, pkcs12
from ._base import PkiError, sha256_hex
from .plan import Settings, Wanted, end_of_new, options_of
from .requests import ClientRequest
from .roots import Authority
from .store import Certificate, Identity, Issuance

if TYPE_CHECKING:
    from .._x509.keys import Key, NewKey

Progress = Callable[[int, int], None]  # made so far, of how many

SAY_EVERY = 2.0  # seconds


def examined(request: ClientRequest, key_size: int) -> ClientRequest:
    """The same request, with what its files or its CSR tell. UserVpnError when they are of no use."""
    if request.csr:
        return replace(request, key=keys.fingerprint(csr.public_key(request.csr, request.name, key_size)))
    if request.sources:
        contents = (bytes.fromhex(sha256_hex(read(path, bounds.FILE))) for path in request.sources)
        return replace(request, digest=sha256_hex(b"".join(contents)))
    return request


@dataclass(frozen=True)
class Maker:
    """Makes identities under one authority, which check mode may only have predicted. `issuer` signs for it."""

    authority: Authority | None
    settings: Settings
    now: datetime
    issuer: making.Issuer | None = None
    new_key: NewKey = keys.new_key

    def adopt(self, wanted: Wanted, refused: Collection[str]) -> tuple[Issuance, tuple[str, ...]]:
        """A supplied identity, and the doubts about it; UserVpnError when a gateway or a Mac would not take it."""
        request = wanted.request
        certificate, key, where = _supplied(request)
        checks.check_pair(certificate, key, where)
        doubts = checks.check_client(certificate, where, self.now)
        if certificate.common_name != request.subject:
            raise PkiError(
                f"{certificate.label} is not that of {request.subject!r}: supply the one of this client, or set its "
                "common_name."
            )
        if self.authority:
            checks.check_issued(certificate, self.authority.certificates)
        if certificate.sha1 in refused:
            raise PkiError(f"The supplied certificate of {request.name} has been revoked; supply a new one.")
        return self._issuance(wanted, certificate, key), doubts

    def make(self, wanted: Wanted) -> Issuance:
        """A certificate that is signed here, for a key of ours or for the one that a CSR has."""
        if not (self.issuer and self.authority):
            raise AssertionError("nothing is signed without the root's key")
        request = wanted.request
        size = self.settings.key_size
        key = self.new_key(size) if request.csr is None else None
        public_key = key.public_key() if key else csr.public_key(request.csr or "", request.name, size)
        end = end_of_new(self.settings, self.authority, self.now)
        certificate = making.make_client(
            self.issuer, public_key, request.subject, request.names, now=self.now, not_after=end
        )
        return self._issuance(wanted, certificate, key)

    def make_all(self, wanted: Collection[Wanted], progress: Progress | None) -> list[Issuance]:
        """On all cores: making RSA keys is nearly all of the work."""
        made: list[Issuance] = []
        said = time.monotonic()
        with ThreadPoolExecutor(_cores()) as pool:
            for issuance in pool.map(self.make, wanted):
                made.append(issuance)
                if progress and time.monotonic() - said >= SAY_EVERY:
                    progress(len(made), len(wanted))
                    said = time.monotonic()
        return made

    def _issuance(self, wanted: Wanted, certificate: certificates.Certificate, key: Key | None) -> Issuance:
        request = wanted.request
        identity = None
        if key:
            password = pkcs12.new_password()
            identity = Identity(pkcs12.pack(certificate, key, password), password)
        return Issuance.of(
            certificate,
            self.authority.certificates[:-1] if self.authority else (),
            identity,
            kind="client",
            name=request.name,
            generation=0,
            root_sha1=self.authority.root.sha1 if self.authority else "",
            reason=wanted.reason,
            origin=request.origin,
            options=options_of(request, self.settings),
        )


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _supplied(request: ClientRequest) -> tuple[certificates.Certificate, Key, str]:
    if request.pkcs12_source:
        where = str(request.pkcs12_source)
        opened = pkcs12.read(
            read(request.pkcs12_source, bounds.FILE), request.source_password, where, "source_password"
        )
        return opened.certificate, keys.prove_key(opened.key, where), where
    if not (request.certificate_source and request.key_source):
        raise AssertionError("requests.unusable lets no half source through")
    certificate = certificates.read(read(request.certificate_source, bounds.FILE), str(request.certificate_source))[0]
    where = str(request.key_source)
    key = keys.load_key(read(request.key_source, bounds.FILE), request.source_password, where, "source_password")
    return certificate, key, where


# -- for people who follow Microsoft's article by hand


@dataclass(frozen=True)
class Export:
    """A folder for NAME.cer and NAME.p12, and the password of the second."""

    folder: Path
    password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        pkcs12.check_password(self.password, "export_password")

    def files(self, name: str) -> tuple[Path, Path]:
        return self.folder / f"{name}.p12", self.folder / f"{name}.cer"

    def lacks(self, certificate: Certificate, pem: bytes) -> bool:
        """Whether the files of this client are not those of its certificate, under this password."""
        identity, public = self.files(certificate.name)
        return (certificate.has_key and not self._holds(identity, certificate.sha1)) or would_write(public, pem)

    def _holds(self, file: Path, sha1: str) -> bool:
        if not file.is_file() or file.is_symlink() or file.stat().st_mode & 0o077:
            return False
        try:
            opened = pkcs12.read(read(file, bounds.FILE), self.password, str(file), "export_password")
        except UserVpnError:
            return False
        return opened.certificate.sha1 == sha1 and opened.fits_every_mac

    def write(self, name: str, pem: bytes, identity: Identity | None) -> None:
        make_folder(self.folder)
        check_folder_for(self.files(name)[0])
        private, public = self.files(name)
        if identity:
            opened = pkcs12.read(identity.pkcs12, identity.password, "the store's identity", "passphrase")
            write_atomic(private, pkcs12.pack(opened.certificate, opened.key, self.password))
        else:
            delete(private)
        write_atomic(public, pem)


def remove_files(folder: Path, names: Iterable[str], *, check: bool) -> list[str]:
    """Whose exported files were there, and are gone now."""
    export = Export(folder, "unused")
    found = {name: [file for file in export.files(name) if file.is_file()] for name in names}
    for files in found.values() if not check else ():
        for file in files:
            delete(file)
    return sorted(name for name, files in found.items() if files)
