# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the profiles of many Macs, in one go.

    macs + options of all + store -> render() -> files, manifest, an entry per Mac

What is wrong with one Mac is told in its entry, and the others go on; what concerns all is raised. A profile is
rendered with the certificate alone first: its ProfileUUID does not depend on the private part. So where the file of the
last rendering lies here, nothing is opened; and what the store has packed itself is never parsed.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from .. import _files
from .._errors import UserVpnError
from .._pki.current import Current, Known
from .._pki.database import Place
from .._pki.store import Identity as Private
from .._pki.store import Profile as LastProfile
from .._x509.text import utc_text
from . import folder as folders
from . import identity as identities
from . import manifest, scep, signing, stored, view
from .errors import ProfileError
from .identity import Identity
from .profile import NO_SETTINGS, Draft, Profile, Request
from .scep import Enrolment
from .stored import Stored

# Certificates, keys and PKCS#12 files have some kilobytes.
INPUT_LIMIT = 1_000_000
PROGRESS_SECONDS = 2.0
NAMED = 3  # of the Macs that a warning is about

T = TypeVar("T")
R = TypeVar("R")

_NAMED_FOR_ALL = ("identifier", "connection_name")  # or for each Mac
_REQUESTED = {each.name for each in fields(Request)}
_NO_PACKAGE = "Its profile cannot be rendered yet: a real run would have downloaded the profile package by now."
_NO_CERTIFICATE = "Its profile cannot be rendered yet: a real run would have issued its certificate by now."


@dataclass(frozen=True)
class Means:
    """What a rendering works with.

    folder     of the profiles
    place      of the store, if there is one; it then tells what has changed, for files are copies
    find       a path as the user wrote it; UserVpnError for one that is none
    progress   is told how many of how many are done, every two seconds or so
    check      nothing is written
    diff       differences are wanted
    """

    folder: Path
    now: datetime
    place: Place | None = None
    passphrase: str | None = field(default=None, repr=False)
    who: str = ""
    find: Callable[[str], Path] = Path
    progress: Callable[[int, int], None] = lambda _done, _total: None
    check: bool = False
    diff: bool = False


@dataclass
class Entry:
    """What is told of one Mac; what is not known is empty. Nothing in it is secret.

    profile_uuid  as the Mac will show it; empty where nothing is rendered
    sha256        of the file
    common_name   in the client certificate
    certificates  SHA-256 of all certificates in the profile, sorted
    gateway_roots SHA-1 of the gateway roots in it, sorted
    key_on_mac    whether the Mac has the private key, and completes the profile
    client        the client of the store whose identity is in it
    shared        whether all Macs have this very profile, and an MDM fills in what differs
    """

    host: str
    path: str = ""
    identifier: str = ""
    display_name: str = ""
    scope: str = ""
    delivery: str = ""
    client: str = ""
    changed: bool = False
    failed: bool = False
    msg: str = ""
    profile_uuid: str = ""
    sha256: str = ""
    common_name: str = ""
    certificate_sha1: str = ""
    certificate_not_after: str = ""
    certificates: list[str] = field(default_factory=list)
    gateway_roots: list[str] = field(default_factory=list)
    key_on_mac: bool = False
    shared: bool = False

    def fail(self, problem: str) -> None:
        self.failed, self.changed, self.msg = True, False, problem

    def wait(self, problem: str) -> None:
        """For a step that a real run would have taken before."""
        self.changed, self.msg = True, problem

    def told(self) -> dict[str, Any]:
        told = asdict(self)
        if not self.msg:
            del told["msg"]
        return told

    def listed(self, serial_number: str | None) -> dict[str, Any]:
        """For the manifest."""
        names = ("identifier", "profile_uuid", "certificate_sha1", "certificate_not_after", "sha256", "delivery")
        told = {name: getattr(self, name) for name in names}
        return told | {"serial_number": serial_number, "file": Path(self.path).name}


@dataclass(frozen=True)
class _Ready:
    """A Mac whose certificate is known. `sealed`: its private part is in the store, and `identity` is without it."""

    entry: Entry
    path: Path
    draft: Draft
    identity: Identity | Enrolment
    signer: signing.Signer | None
    serial_number: str | None
    sealed: bool

    @property
    def sha1(self) -> str:
        """Of the client certificate; empty where the Mac is yet to get it."""
        return self.identity.certificate.sha1 if self.identity.certificate else ""


@dataclass
class Rendered:
    """What came of it. `entries` by host; `diff` as Ansible's callbacks take it."""

    changed: bool
    entries: dict[str, Entry]
    warnings: list[str]
    diff: list[dict[str, str]]


def render(macs: Sequence[Mapping[str, Any]], options: Mapping[str, Any], means: Means) -> Rendered:
    """Render the profiles of these Macs. UserVpnError for what concerns all of them.

    `macs` hold `host`, `identity`, `serial_number`, `key_wanted`, `problem`, and whatever of `options` differs for one;
    names and meanings are those of the module's options, and None is not given.
    """
    hosts = [mac["host"] for mac in macs]
    if twice := next((host for host in hosts if hosts.count(host) > 1), None) if len(set(hosts)) < len(hosts) else None:
        raise ProfileError(f"The host {twice} is in macs twice: give each Mac once.")
    rendering = _Rendering(options, means)
    rendering.entries = {mac["host"]: rendering.entry(mac) for mac in macs}
    rendering.run(macs)
    changed = rendering.changed or any(entry.changed for entry in rendering.entries.values())
    return Rendered(changed, rendering.entries, rendering.warnings(), rendering.diff)


class _Rendering:
    """A rendering under way."""

    def __init__(self, options: Mapping[str, Any], means: Means) -> None:
        self.options, self.means = options, means
        self.entries: dict[str, Entry] = {}
        self.changed = False
        self.diff: list[dict[str, str]] = []
        self.known: Known | None = None
        self.opened: Mapping[str, Private] = {}
        self.new: list[LastProfile] = []
        self.listed: dict[str, dict[str, Any]] = {}
        self._warned: dict[str, dict[str, str]] = {}
        self._drafts: dict[str, Draft] = {}
        self._signers: dict[str, signing.Signer] = {}
        self._inputs: dict[str, bytes] = {}
        self._enrolments: dict[str, Enrolment] = {}
        self._written: dict[Path, tuple[bytes, bool]] = {}
        self._done, self._total, self._told = 0, 0, time.monotonic()

    def entry(self, mac: Mapping[str, Any]) -> Entry:
        options = self._options_of(mac)
        return Entry(
            host=mac["host"],
            identifier=options["identifier"] or "",
            display_name=options["display_name"] or options["connection_name"] or "",
            scope=options["scope"],
            delivery=options["delivery"],
            client=(mac.get("identity") or {}).get("client") or "",
        )

    def run(self, macs: Sequence[Mapping[str, Any]]) -> None:
        check, folder = self.means.check, self.means.folder
        if (self.options["settings"] or not check) and all(self.options[name] for name in _NAMED_FOR_ALL):
            self._draft(self.options, b"")  # what is wrong with the options of all is no Mac's fault
        self._signer(self.options)
        if self.means.place:
            clients = {entry.client for entry in self.entries.values() if entry.client}
            self.known = Known.read(self.means.place, clients, self.entries)
        ready = [each for each in self._each(self._prepare, macs, lambda mac: self.entries[mac["host"]]) if each]
        self._refuse_shared(ready)
        self._refuse_two_of_one_name(ready)
        ready = [each for each in ready if not each.entry.failed]
        self._open(ready)
        ready = [each for each in ready if not each.entry.failed]
        if not ready:
            return
        if warning := folders.prepare(folder, check=check):
            self._warned[warning] = {}
            self.changed = True
        if not check:
            _files.sweep(folder, f"*{folders.SUFFIX}")
        self._total = len(ready)
        self._each(self._finish, ready, lambda each: each.entry)
        if not check:
            _files.sync_folder(folder)
        self._list()
        if self._store and not check:
            self._store.remember(self.new, self.means.now, self.means.who)

    @property
    def _store(self) -> Known | None:
        """Where to note what was rendered. For files alone no store is made."""
        return self.known if self.known and self.known.exists else None

    def warnings(self) -> list[str]:
        return [_warning(text, hosts, len(self.entries)) for text, hosts in self._warned.items()]

    @staticmethod
    def _each(step: Callable[[T], R], items: Iterable[T], entry_of: Callable[[T], Entry]) -> list[R]:
        """What the step makes of each; where it fails, that is told in the Mac's entry."""
        found = []
        for item in items:
            try:
                found.append(step(item))
            except UserVpnError as error:
                entry_of(item).fail(str(error))
        return found

    # -- a Mac's certificate, and all of its profile that does not depend on it

    def _prepare(self, mac: Mapping[str, Any]) -> _Ready | None:
        entry, options, wish = self.entries[mac["host"]], self._options_of(mac), mac.get("identity") or {}
        path = folders.file_of(self.means.folder, entry.host)
        entry.path = str(path)
        if mac.get("problem"):
            raise ProfileError(mac["problem"])
        if missing := next((name for name in _NAMED_FOR_ALL if options[name] is None), ""):
            raise ProfileError(f"{missing} is missing: set it for all Macs, or for this one.")
        if not options["settings"]:
            if not self.means.check:
                raise ProfileError(NO_SETTINGS)
            entry.wait(_NO_PACKAGE)
            return None
        key_wanted = bool(mac.get("key_wanted"))
        current = None if key_wanted else self._current(entry.client, wish.get("sha1"))
        draft, signer = self._draft(options, current.chain if current else b""), self._signer(options)
        entry.key_on_mac = key_wanted or bool(wish.get("certificate_path"))
        entry.key_on_mac |= current is not None and not current.certificate.has_key
        if entry.key_on_mac:
            _refuse_what_needs_the_key(options)
        if signer:
            self._warn(entry.host, signer.warnings)
        if key_wanted:
            return None
        identity: Identity | Enrolment
        if current:
            identity = identities.load_certificate(current.pem, entry.client)
        elif wish.get("scep"):
            identity = self._enrolment(wish["scep"], options)
            if identity.shared:
                path = folders.file_of(self.means.folder, entry.identifier)
                entry.path, entry.shared = str(path), True
        elif entry.client or (found := self._given(wish, path, entry)) is None:
            self._warn(entry.host, draft.warnings)
            entry.wait(_NO_CERTIFICATE)
            return None
        else:
            identity = found
        sealed = current is not None and not entry.key_on_mac
        return _Ready(entry, path, draft, identity, signer, mac.get("serial_number"), sealed)

    def _options_of(self, mac: Mapping[str, Any]) -> Mapping[str, Any]:
        return {name: value if mac.get(name) is None else mac[name] for name, value in self.options.items()}

    def _current(self, client: str, sha1: str | None) -> Current | None:
        """What the client has now; None without a client, and where check mode foresees another certificate."""
        if not client:
            return None
        if self.known is None:
            raise ProfileError("identity.client is a client of a store; set pki to it.")
        current = self.known.currents.get(client)
        if current and sha1 in (None, current.certificate.sha1):
            return current
        if self.means.check:
            return None
        has = f"another certificate than {sha1}" if current else "no certificate"
        raise ProfileError(
            f"{self.known.place} has {has} for the client {client}; issue one with client_certificates first."
        )

    def _given(self, wish: Mapping[str, Any], profile: Path, entry: Entry) -> Identity | None:
        """The identity in a file; None where check mode foresees that it is made."""
        name = wish.get("pkcs12_path") or wish.get("certificate_path")
        if not name:
            raise ProfileError("There is no identity: set identity to a client of the store, to a file, or to scep.")
        path = self.means.find(name)
        if self.means.check and not path.is_file():
            if wish.get("pkcs12_path"):
                prefix = f"{path}: "
                self._warn(
                    entry.host, [f"{prefix}There is no PKCS#12, and a real run fails unless it is made first."], prefix
                )
            return None
        data = _files.read(path, INPUT_LIMIT)
        if not wish.get("pkcs12_path"):
            return identities.load_certificate(data, str(path))
        before = stored.read(profile)
        previous = before.pkcs12(entry.identifier) if before else None
        return identities.load(data, wish["password"], str(path), previous=previous)

    def _enrolment(self, wish: Mapping[str, Any], options: Mapping[str, Any]) -> Enrolment:
        key = json.dumps(wish, sort_keys=True, default=str)
        if key not in self._enrolments:
            self._enrolments[key] = scep.load(wish)
        found = self._enrolments[key]
        signed = bool((options["sign_with"] or {}).get("certificate"))
        found.check_delivery(options["delivery"], options["local_identifier"] or "", signed=signed)
        return found

    def _draft(self, options: Mapping[str, Any], chain: bytes) -> Draft:
        """Many Macs have the same."""
        others = {name: options[name] for name in options if options[name] != self.options[name]}
        key = json.dumps([others, chain.decode("latin-1")], sort_keys=True, default=str)
        if key not in self._drafts:
            # What the gateway is known to ask for wins over what somebody has written down.
            known_policy = options["ipsec_policy"] not in (None, {})
            chosen = {"algorithms": None} if known_policy else {"ipsec_policy": None}
            chains = tuple(self._input(path) for path in options["client_chain"] or ())
            wishes = {name: options[name] for name in _REQUESTED} | chosen
            self._drafts[key] = Draft(Request(**wishes | {"client_chain": chains + ((chain,) if chain else ())}))
        return self._drafts[key]

    def _signer(self, options: Mapping[str, Any]) -> signing.Signer | None:
        wish = options["sign_with"] or {}
        if not wish.get("certificate"):
            return None
        key = json.dumps(wish, sort_keys=True)
        if key not in self._signers:
            chain = self._input(wish["chain"]) if wish["chain"] else b""
            certificate, private = self._input(wish["certificate"]), self._input(wish["key"])
            self._signers[key] = signing.load_signer(certificate, private, wish["passphrase"], chain)
        return self._signers[key]

    def _input(self, name: str) -> bytes:
        if name not in self._inputs:
            self._inputs[name] = _files.read(self.means.find(name), INPUT_LIMIT)
        return self._inputs[name]

    def _refuse_shared(self, ready: Iterable[_Ready]) -> None:
        """One identity serves one Mac: with it on two, neither could be told from the other, or revoked alone."""
        holders: dict[tuple[str, str], list[Entry]] = {}
        for entry in self.entries.values():
            if entry.client and not entry.failed:
                holders.setdefault(("the client", entry.client), []).append(entry)
        for each in ready:
            if each.identity.certificate:
                holders.setdefault(("the certificate", each.identity.certificate.sha1), []).append(each.entry)
            elif not each.entry.shared:
                name = f"{each.identity.common_name} of identity.scep"
                holders.setdefault(("the common name", name), []).append(each.entry)
        for (kind, name), entries in holders.items():
            for entry in entries if len(entries) > 1 else ():
                if entry.failed:
                    continue
                others = _named([other.host for other in entries if other is not entry])
                entry.fail(
                    f"{kind.capitalize()} {name} is wanted for {others}, too: give each Mac an identity of its own."
                )

    @staticmethod
    def _refuse_two_of_one_name(ready: Iterable[_Ready]) -> None:
        """A profile that Macs share is one file, and one profile in the MDM."""
        shared = {each.path for each in ready if each.entry.shared}
        versions: dict[Path, dict[tuple[str, str, int], Entry]] = {}
        for each in ready:
            if each.path in shared and not each.entry.failed:
                version = each.draft.uuid(each.identity), getattr(each.identity, "challenge", ""), id(each.signer)
                versions.setdefault(each.path, {}).setdefault(version, each.entry)
        for each in ready:
            if len(found := versions.get(each.path, {})) > 1:
                each.entry.fail(
                    f"The profile {each.path.name} is shared, but {_named([e.host for e in found.values()])} would "
                    "each have another one: set what differs for all of them alike, or give each kind an identifier "
                    "of its own."
                )

    # -- its profile

    def _open(self, ready: Iterable[_Ready]) -> None:
        """Get the private parts out of the store, all at once, but for profiles that lie here as they are to be."""

        def needed(each: _Ready) -> str:
            lies_here = self._lies_here(each, stored.read(each.path))
            return "" if lies_here else each.sha1

        sealed = [each for each in ready if each.sealed]
        wanted = [sha1 for sha1 in self._each(needed, sealed, lambda each: each.entry) if sha1]
        if wanted and self.known:
            self.opened = self.known.identities(wanted, self.means.passphrase)

    def _lies_here(self, each: _Ready, before: Stored | None) -> bool:
        """Whether the file is what was rendered last, and what would be rendered now."""
        last = self.known.last.get((each.entry.host, each.entry.identifier)) if self.known else None
        if last is None or before is None:
            return False
        now = each.draft.uuid(each.identity), each.sha1, _digest(before.content)
        return (last.profile_uuid, last.certificate_sha1, last.sha256) == now

    def _finish(self, each: _Ready) -> None:
        """Render and write."""
        identity, before = each.identity, stored.read(each.path)
        private = self.opened.get(each.sha1) if each.sealed else None
        if private and isinstance(identity, Identity):
            identity = replace(identity, pkcs12=private.pkcs12, password=private.password)
        elif each.sealed and not self._lies_here(each, before):
            raise ProfileError(f"{each.entry.client} has got another certificate in this moment; run again.")
        profile = each.draft.profile(identity)
        content = before.content if before and each.sealed and not private else profile.content
        self._write(each, profile, content, before)
        if each.entry.shared:
            self._drop_own(folders.file_of(self.means.folder, each.entry.host), each.path)

    def _drop_own(self, own: Path, shared: Path) -> None:
        """The file with a private key that a Mac had for itself before: no manifest knows it any more."""
        if own != shared and own.is_file():
            self.changed = True
            if not self.means.check:
                _files.delete(own)

    def _write(self, each: _Ready, profile: Profile, content: bytes, before: Stored | None) -> None:
        entry, means, certificate = each.entry, self.means, each.identity.certificate
        first = each.path not in self._written
        if first:
            raw = signing.bytes_to_write(content, each.signer, before)
            write = _files.would_write if means.check else _files.write_one_of_many
            self._written[each.path] = raw, write(each.path, raw)
        raw, entry.changed = self._written[each.path]
        entry.profile_uuid = profile.uuid
        entry.sha256 = _digest(raw)
        entry.certificate_sha1 = each.sha1
        entry.common_name = "" if entry.shared else each.identity.common_name
        entry.certificate_not_after = utc_text(certificate.not_after) if certificate else ""
        entry.certificates = list(profile.certificates)
        entry.gateway_roots = sorted(root.sha1 for root in each.draft.roots)
        if self._store:
            # What is written here are copies: a job's container may have none of them.
            roots = tuple(entry.gateway_roots)
            new = LastProfile(entry.host, entry.identifier, "", profile.uuid, _digest(content), each.sha1, roots)
            self.new.append(new)
            entry.changed = self._store.is_news(new)
        if means.diff and entry.changed and first:
            self.diff += difference(each.path, view.lines(before), view.lines(Stored.of(raw)))
        self.listed[entry.host] = entry.listed(each.serial_number)
        prefix = f"{each.identity.where}, {certificate.label}: " if certificate else ""
        self._warn(entry.host, profile.warnings, prefix)
        self._done += 1
        if time.monotonic() - self._told > PROGRESS_SECONDS:
            self._told = time.monotonic()
            means.progress(self._done, self._total)

    def _list(self) -> None:
        """Keep the manifest."""
        path = self.means.folder / manifest.NAME
        change = manifest.update(path, self.listed, check=self.means.check)
        if not self._store:
            self.changed |= change.changed
        if self.means.diff and (not self._store or any(entry.changed for entry in self.entries.values())):
            self.diff += difference(path, change.before, change.after)

    def _warn(self, host: str, texts: Iterable[str], prefix: str = "") -> None:
        """Note a warning; `prefix` is what names this Mac's certificate in it."""
        for text in texts:
            self._warned.setdefault(text.removeprefix(prefix), {})[host] = text


def difference(path: Path, before: Sequence[str], after: Sequence[str]) -> list[dict[str, str]]:
    """One difference in the form of Ansible's callbacks, or none."""
    if before == after:
        return []
    texts = {"before": "".join(f"{line}\n" for line in before), "after": "".join(f"{line}\n" for line in after)}
    return [{"before_header": str(path), "after_header": str(path), **texts}]


def _refuse_what_needs_the_key(options: Mapping[str, Any]) -> None:
    if (options["sign_with"] or {}).get("certificate"):
        raise ProfileError(
            "A profile whose private key is made on the Mac is completed there, which breaks any signature; "
            "leave sign_with out."
        )
    if options["scope"] != "System":
        raise ProfileError(
            "A profile whose private key is made on the Mac must have the scope System: a login keychain cannot be "
            "asked what it holds while nobody is logged in."
        )


def _warning(text: str, hosts: Mapping[str, str], macs: int) -> str:
    """A warning once, however many Macs it is about; `hosts` has its text for each, none for one about all."""
    if len(hosts) == 1:
        ((host, whole),) = hosts.items()
        return whole if macs == 1 or whole != text else f"{whole} ({host})"
    return text if len(hosts) in (0, macs) else f"{text} ({len(hosts)} Macs: {_named(list(hosts))})"


def _named(hosts: Sequence[str]) -> str:
    """Names for a sentence, of which a fleet has more than anybody reads."""
    more = [f"{len(hosts) - NAMED} more"] if len(hosts) > NAMED else []
    *first, last = [*hosts[:NAMED], *more]
    return f"{', '.join(first)} and {last}" if first else last


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
