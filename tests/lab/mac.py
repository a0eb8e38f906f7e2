# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Mac: its disk, its people, its keychains and profiles, and the records a test reads."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
import plistlib
import re
import shutil
import signal
import stat
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import ingestion, macos, person
from .keychain import Item
from .tunnel import on_demand

if TYPE_CHECKING:
    from .calls import Call
    from .lab import Lab
    from .tunnel.service import VpnService

#: Folders at the top of a Mac's disk: paths below them are looked up on that disk, not on the host's.
TOP = ("Users", "Library", "Applications", "private", "var", "tmp", "opt")
PYTHON = re.compile(r"(?<![\w.-])python(?:[23](?:\.\d+)?)?(?![\w.-])")
TOOL = re.compile(r"(?<![\w./-])/(?:usr/)?s?bin/([a-z][\w-]*)(?![\w./-])")
FOLDER = re.compile(
    r"(?<![\w./-])/(?:Users|Library|Applications|private|var|tmp|opt/homebrew|usr/local)(?=/[\w.\"'$]|[\"'\s;:)]|$)"
)
OUTSIDE = re.compile(r">\s*['\"]?(/(?:etc|System)/[^\s'\";&|)]*)")


@dataclasses.dataclass(frozen=True)
class User:
    """An account."""

    name: str
    uid: int
    gid: int
    home: str
    admin: bool
    password: str

    @property
    def group(self) -> str:
        """Name of the primary group."""
        return "wheel" if self.uid == 0 else "staff"


@dataclasses.dataclass
class Exec:
    """One exec request of the SSH client."""

    number: int
    command: str
    terminal: bool
    stdin_bytes: int = 0
    stdin: bytes = dataclasses.field(default=b"", repr=False)
    stdout: bytes = b""
    stderr: bytes = b""
    # None while it runs.
    rc: int | None = None
    seconds: float = 0.0
    connection: Any = dataclasses.field(default=None, repr=False)
    pid: int = 0

    def signal(self, number: int) -> None:
        """Send a signal to all its processes."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)


@dataclasses.dataclass(frozen=True)
class Start:
    """One start of a double: by whom, and where."""

    argv: list[str]
    user: str
    home: str
    # The uid of the desktop session it was started in.
    session: int | None


@dataclasses.dataclass
class Profile:
    """An installed configuration profile."""

    content: dict[str, Any]
    # None: system scope; else the user it belongs to.
    user: str | None
    installed_at: datetime.datetime
    verification: str
    # 'manual' or 'mdm'
    source: str
    raw: bytes = dataclasses.field(repr=False, default=b"")

    @property
    def identifier(self) -> str:
        """Top-level PayloadIdentifier."""
        return str(self.content["PayloadIdentifier"])

    def show(self) -> dict[str, Any]:
        """The dictionary that `profiles show -output stdout-xml` prints for it.

        Source: the keys that munki (munkilib/profiles), Fleet and Chef's osx_profile read. Whether macOS prints the
        PKCS#12 and its password is not documented; the lab prints both, the worst case for whoever reads it.
        """
        shown: dict[str, Any] = {
            "ProfileIdentifier": self.identifier,
            "ProfileUUID": self.content["PayloadUUID"],
            "ProfileDisplayName": self.content.get("PayloadDisplayName", self.identifier),
            "ProfileType": "Configuration",
            "ProfileVersion": 1,
            "ProfileInstallDate": self.installed_at.strftime("%Y-%m-%d %H:%M:%S +0000"),
            "ProfileVerificationState": self.verification,
            "ProfileRemovalDisallowed": "true" if self.content.get("PayloadRemovalDisallowed") else "false",
            "ProfileItems": [_item(payload) for payload in self.content["PayloadContent"]],
        }
        for key in ("Description", "Organization"):
            if f"Payload{key}" in self.content:
                shown[f"Profile{key}"] = self.content[f"Payload{key}"]
        return shown


def _item(payload: dict[str, Any]) -> dict[str, Any]:
    common = ("PayloadType", "PayloadIdentifier", "PayloadUUID", "PayloadDisplayName", "PayloadVersion")
    item = {key: payload[key] for key in common if key in payload}
    item["PayloadContent"] = {key: value for key, value in payload.items() if key not in common}
    return item


def _payloads(profile: Profile | None, uuids: set[str]) -> dict[str, dict[str, Any]]:
    """Payloads of a profile by their UUIDs."""
    payloads = profile.content["PayloadContent"] if profile else []
    return {payload["PayloadUUID"]: payload for payload in payloads if payload["PayloadUUID"] in uuids}


@dataclasses.dataclass
class Pending:
    """A profile that System Settings shows as downloaded and not yet installed."""

    raw: bytes = dataclasses.field(repr=False)
    content: dict[str, Any] = dataclasses.field(repr=False)
    user: str


def dial(mac: Mac, name: str) -> dict[str, Any] | None:
    """A gateway that always answers."""
    return {"interface": "ipsec0", "address": "172.16.0.2"}


class Mac:
    """A Mac of the lab. Made by `Lab.add_mac`; the arguments are documented there."""

    def __init__(
        self,
        lab: Lab,
        name: str,
        *,
        macos_version: str = "15.5",
        console_user: str | None = "anna",
        person_policy: str = "approves",
        approve_after: float = 0.2,
        login_user: str = "admin",
        sudo: str = "nopasswd",
        sudo_password: str = "correct horse",
        admin_is_root: bool = False,
        mdm: bool = False,
        users: tuple[str, ...] = ("anna",),
        serial: str,
        login_shell_noise: bool = False,
        vpnutil: bool = False,
        copy_after: float = 0.3,
    ) -> None:
        if sudo not in {"nopasswd", "password", "refused"}:
            raise ValueError(f"sudo is nopasswd, password or refused, not {sudo!r}")
        self.lab, self.name, self.serial = lab, name, serial
        self.release = macos.release(macos_version)
        self.login_user = "root" if admin_is_root else login_user
        self.sudo, self.sudo_password = sudo, sudo_password
        self.mdm, self.login_shell_noise = mdm, login_shell_noise
        self.approve_after, self.copy_after = approve_after, copy_after
        self.hardware_uuid = ingestion.uuid_of(name)
        self.lock = threading.RLock()

        self.execs: list[Exec] = []
        self._refusals: list[tuple[list[str], str]] = []
        self.ingestion_errors: list[str] = []
        self.ingestion_notes: list[str] = []
        self.faults: list[str] = []
        self._python: list[str] = []
        # Every start of a double, in order.
        self.starts: list[Start] = []
        self._numbers = 0
        self._running: dict[int, Exec] = {}
        # The commands that `security -i` was given.
        self.typed: list[list[str]] = []
        self._moments: dict[str, Callable[[Call], None]] = {}
        self._failures: dict[str, tuple[int, str, str]] = {}

        self.profiles: list[Profile] = []
        self.pending: Pending | None = None
        self.keychains: dict[str, list[Item]] = {"system": []}
        # Of keychains that are neither the System's nor a login keychain, by their paths.
        self.keychain_passwords: dict[str, str] = {}
        # (user, exec) for login keychains unlocked in that exec.
        self.unlocked: set[tuple[str, str]] = set()
        # SHA-256 of certificates trusted in the admin domain, and per user.
        self.trusted: dict[str, set[str]] = {"admin": set()}
        # The right com.apple.trust-settings.admin was opened by `security authorizationdb write ... allow`.
        self.trust_opened = False
        # What `profiles show -output stdout-xml` prints with no profile: 'plist+text', 'plist', 'text' or 'nothing'.
        self.show_nothing = "plist+text"
        # The IKEv2 service of a Mac whose native client is a real one (Lab(tunnel=...)); None: the doubles play it.
        self.service: VpnService | None = None
        self._tunnel: dict[str, Any] | None = None
        # IKEv2 services that macOS has lost, while it still shows the profile (fleetdm/fleet pull request 50587 saw it
        # of declarations). A new installation makes them again.
        self.dropped_services: set[str] = set()
        # The tunnel of another IKEv2 VPN of the native client: interface and address.
        self.foreign_tunnel: dict[str, Any] | None = None
        # What it does with a SCEP payload: see enrolment.py. None: it gets no certificate, and goes on without.
        self.enrol: Callable[[dict[str, Any]], Item] | None = None
        # Shortcuts of the console user: name -> what running one does.
        self.shortcuts: dict[str, Callable[[Mac], None]] = {}

        # What an IKEv2 service gets when it is started (by hand, a shortcut, vpnutil); a test may put a real one here.
        self.dial: Callable[[Mac, str], dict[str, Any] | None] = dial
        self._log_lines: list[str] = []

        self.folder = lab.folder / "macs" / name
        self.disk = self.folder / "disk"
        self.stores = self.folder / "stores"
        self._trace = self.folder / "trace"
        self.accounts = self._make_accounts(users, console_user)
        self._owners: dict[tuple[int, int], str] = {}
        # Where each was seen: the number of a file that is gone is soon another's.
        self._places: dict[tuple[int, int], str] = {}
        # Users for whom a command runs now: what appears in their homes meanwhile is theirs, whoever looks.
        self.acting: Counter[str] = Counter()
        self._make_disk()
        if vpnutil:
            self._install_vpnutil()
        self.console_user = console_user
        self._person = person.policy(person_policy)
        self.port = 0

    # -- what a test reads ------------------------------------------------------------------------------------------

    @property
    def processes(self) -> list[list[str]]:
        """Every argv started on this Mac that the lab could see: execs, doubles, wrapped tools."""
        shells = [["sh", "-c", record.command] for record in self.execs]
        return shells + [start.argv for start in self.starts] + [argv for argv in self._traced() if argv[0] != "!"]

    @property
    def python_calls(self) -> list[str]:
        """Every use of Python: the stub was started, or a command text names it."""
        return self._python + [" ".join(argv) for argv in self._traced() if argv[0].startswith("python")]

    @property
    def refusals(self) -> list[tuple[list[str], str]]:
        """(argv, reason) wherever a double, a wrapped tool or the lab refused undocumented usage."""
        return self._refusals + [(argv[2:], argv[1]) for argv in self._traced() if argv[0] == "!"]

    def refused(self, argv: list[str], reason: str) -> None:
        """Put a refusal on record."""
        self._refusals.append((argv, reason))

    def clear_records(self) -> None:
        """Forget execs, processes, Python calls, refusals and ingestion errors."""
        records = (
            self.execs, self._refusals, self.ingestion_errors, self.ingestion_notes, self.faults,
            self._python, self.starts, self.typed,
        )  # fmt: skip
        for record in records:
            record.clear()
        self._trace.write_bytes(b"")

    def installed_profiles(self) -> list[dict[str, Any]]:
        """Return the installed profiles: identifier, uuid, scope, user, display_name, verification, source, content."""
        with self.lock:
            return [
                {
                    "identifier": profile.identifier,
                    "uuid": profile.content["PayloadUUID"],
                    "scope": "User" if profile.user else "System",
                    "user": profile.user,
                    "display_name": profile.content.get("PayloadDisplayName"),
                    "verification": profile.verification,
                    "source": profile.source,
                    "installed_at": profile.installed_at,
                    "content": profile.content,
                }
                for profile in self.profiles
            ]

    def pending_profile(self) -> dict[str, Any] | None:
        """Return the profile that waits for the person, or None."""
        pending = self.pending
        if pending is None:
            return None
        return {
            "identifier": pending.content.get("PayloadIdentifier"),
            "user": pending.user,
            "content": pending.content,
        }

    def keychain(self, name: str) -> list[dict[str, Any]]:
        """Return the certificates of the 'system' keychain or of a user's login keychain."""
        with self.lock:
            return [item.public() for item in self.keychains[name]]

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield (path on the Mac, content) of every file on its disk; the Mac's own stores are not on it."""
        # Some may go meanwhile, which os.walk bears.
        for path in sorted(Path(folder, name) for folder, _folders, names in os.walk(self.disk) for name in names):
            with contextlib.suppress(OSError):
                if path.is_file() and not path.is_symlink():
                    yield "/" + str(path.relative_to(self.disk)), path.read_bytes()

    # -- what a test does -------------------------------------------------------------------------------------------

    @property
    def person(self) -> str:
        """What the person at the Mac does with a pending profile: approves, ignores or declines."""
        return self._person

    @person.setter
    def person(self, value: str) -> None:
        self._person = person.policy(value)
        self._wake_person()

    def log_out(self) -> None:
        """The console user logs out."""
        self.console_user = None

    def log_in(self, user: str) -> None:
        """Somebody logs in at the screen."""
        if user not in self.accounts:
            raise ValueError(f"{self.name} has no user {user}")
        self.console_user = user
        self._wake_person()

    def offline(self) -> None:
        """Refuse connections and cut the ones there are."""
        self.lab.run(self.lab.server.close(self, keep_port=True))

    def online(self) -> None:
        """Listen again, on the same port."""
        self.lab.run(self.lab.server.listen(self))

    def when(self, name: str, action: Callable[[Call], None]) -> None:
        """Do something at the moment when the double `name` starts next."""
        self._moments[name] = action

    def drop_connection_when(self, name: str) -> None:
        """Cut the SSH connection of the exec that starts the double `name` next; its processes go on."""
        self.when(name, lambda call: call.execution.connection.abort() if call.execution else None)

    def kill_exec_when(self, name: str) -> None:
        """Kill all processes of the exec that starts the double `name` next, and let its connection live."""
        self.when(name, lambda call: call.execution.signal(signal.SIGKILL) if call.execution else None)

    def fail(self, name: str, code: int, *, out: str = "", err: str = "") -> None:
        """Let the double `name` fail from now on, as its tool may for reasons of its own."""
        self._failures[name] = (code, out, err)

    def failure(self, name: str) -> tuple[int, str, str] | None:
        """How a double is to fail: exit code, standard output, standard error."""
        return self._failures.get(name)

    def put_file(self, path: str, content: bytes, *, owner: str = "root", mode: int = 0o644) -> None:
        """Put a file on the disk, in a folder that is there."""
        there = self.host_path(path, "/")
        there.write_bytes(content)
        there.chmod(mode)
        self.own(there, owner)

    def push_profile(self, raw: bytes) -> None:
        """Install a profile as an MDM does: no person, no pending state. Raises IngestionError if macOS refuses it."""
        content, verification = ingestion.open_profile(self, raw)
        # A device channel installs for the device, whatever an absent PayloadScope means by hand.
        self._install(raw, content, verification, self.console_user, "mdm")

    def remove_profile(self, identifier: str) -> bool:
        """Remove a profile as a person (or an MDM) does, with all it brought. Return False if there is none."""
        with self.lock:
            found = [profile for profile in self.profiles if profile.identifier == identifier]
            for profile in found:
                self.uninstall(profile)
            return bool(found)

    # -- the tunnel -------------------------------------------------------------------------------------------------

    @property
    def log_lines(self) -> list[str]:
        """Lines `log show` prints."""
        if self.service:
            self.service.notice()
        return self._log_lines

    @log_lines.setter
    def log_lines(self, lines: list[str]) -> None:
        self._log_lines = lines

    @property
    def tunnel(self) -> dict[str, Any] | None:
        """None, or {"interface": "ipsec0", "address": "172.16.0.2", "dns": [...], "routes": [...], ...}."""
        return self.service.tunnel() if self.service else self._tunnel

    @tunnel.setter
    def tunnel(self, tunnel: dict[str, Any] | None) -> None:
        self._tunnel = tunnel

    def vpn_services(self) -> list[str]:
        """Names of the IKEv2 services that installed profiles made."""
        payloads = [payload for profile in self.profiles for payload in profile.content["PayloadContent"]]
        names = [payload["UserDefinedName"] for payload in payloads if payload["PayloadType"] == ingestion.VPN]
        return [name for name in names if name not in self.dropped_services]

    def vpn_status(self, name: str) -> str:
        """Connected or Disconnected; of a real service also Connecting."""
        if self.service:
            return self.service.status(name)
        return "Connected" if self.tunnel and self.tunnel.get("service") == name else "Disconnected"

    def connect(self, name: str) -> None:
        """Start a service; the real one dials, else `dial` says what comes of it."""
        if self.service:
            self.service.connect(name)
            return
        answer = self.dial(self, name) if name in self.vpn_services() else None
        if answer:
            self.tunnel = {"service": name, **answer}

    def traffic(self, host: str) -> None:
        """Somebody on this Mac sends to a host, on an ordinary network cable: On Demand starts what its rules say."""
        payloads = [payload for profile in self.profiles for payload in profile.content["PayloadContent"]]
        for payload in [payload for payload in payloads if payload["PayloadType"] == ingestion.VPN]:
            rules = payload["IKEv2"].get("OnDemandRules", []) if payload["IKEv2"].get("OnDemandEnabled") else []
            if not self.tunnel and on_demand.connects_for(rules, on_demand.NetworkState(), host):
                self.connect(payload["UserDefinedName"])

    def disconnect(self, name: str) -> None:
        """Stop a service."""
        if self.service:
            self.service.disconnect(name)
            return
        if self.vpn_status(name) == "Connected":
            self.tunnel = None

    # -- profiles ---------------------------------------------------------------------------------------------------

    def download(self, raw: bytes, user: str) -> None:
        """A profile was opened: it becomes the pending one (there is one slot), if it is a profile at all."""
        with self.lock:
            try:
                content, _unused = ingestion.open_profile(self, raw)
            except ingestion.IngestionError as error:
                self.ingestion_errors.append(str(error))
                return
            self.pending = Pending(raw, content, user)
        self._wake_person()

    def approve(self) -> None:
        """The person installs the pending profile; what macOS says on failure is in `ingestion_errors`."""
        with self.lock:
            pending, self.pending = self.pending, None
            if pending is None:
                return
            try:
                content, verification = ingestion.open_profile(self, pending.raw)
                self._install(pending.raw, content, verification, pending.user, "manual")
            except ingestion.IngestionError as error:
                self.ingestion_errors.append(str(error))

    def decline(self) -> None:
        """The person throws the pending profile away."""
        with self.lock:
            self.pending = None

    def find_profile(self, identifier: str, user: str | None) -> Profile | None:
        """Return the installed profile of a scope."""
        for profile in self.profiles:
            if profile.identifier == identifier and profile.user == user:
                return profile
        return None

    def _install(self, raw: bytes, content: dict[str, Any], verification: str, user: str | None, source: str) -> None:
        with self.lock:
            owner = user if ingestion.scope(content, source) == "User" else None
            old = self.find_profile(content["PayloadIdentifier"], owner)
            items = ingestion.ingest(self, content, source)
            kept = self._stale_identities(old, content) if old else {}
            if self.service:
                self.service.install(raw, content, _payloads(old, {uuid for _unused, uuid in kept}))
            if old:
                self._keep_enrolled(old)
                self._uninstall(old)
            store = self.keychains[owner or "system"]
            for item, payload in items:
                item.origin = (
                    owner,
                    content["PayloadIdentifier"],
                    payload["PayloadIdentifier"],
                    payload["PayloadUUID"],
                )
                store.append(kept.get(item.origin[2:], item))
                if payload["PayloadType"] in ingestion.ROOTS:
                    self.trusted.setdefault(owner or "admin", set()).add(item.sha256)
            now = datetime.datetime.now(datetime.UTC)
            self.profiles.append(Profile(content, owner, now, verification, source, raw))
            self.dropped_services -= {payload.get("UserDefinedName") for payload in content["PayloadContent"]}
            self.save()

    def _stale_identities(self, old: Profile, content: dict[str, Any]) -> dict[tuple[str, str], Item]:
        """Return identities that macOS keeps although the new profile holds other ones.

        Source: jim-lake/VPNStatus test/target_vpn/README.md (macOS 26): with the same names and UUIDs the first
        identity stayed in use, new key material notwithstanding.
        """
        new = {
            (payload["PayloadIdentifier"], payload["PayloadUUID"]): payload
            for payload in content["PayloadContent"]
            if payload["PayloadType"] == ingestion.PKCS12
        }
        kept = {}
        for item in self.keychains[old.user or "system"]:
            if item.origin and item.origin[:2] == (old.user, old.identifier) and item.origin[2:] in new:
                kept[item.origin[2:]] = item
                self.ingestion_notes.append(f"kept the identity {item.common_name} of payload {item.origin[2]}")
        return kept

    def _keep_enrolled(self, old: Profile) -> None:
        """A replaced profile leaves the certificate that it brought by SCEP (fleetdm/fleet#42757)."""
        scep = {p["PayloadUUID"] for p in old.content["PayloadContent"] if p["PayloadType"] in ingestion.ENROLLED}
        for item in self.keychains[old.user or "system"]:
            if item.origin and item.origin[:2] == (old.user, old.identifier) and item.origin[3] in scep:
                item.origin = None

    def uninstall(self, profile: Profile) -> None:
        """Remove a profile and what it brought."""
        with self.lock:
            self._uninstall(profile)
            if self.service:
                self.service.remove(profile.identifier)
            self.save()

    def _uninstall(self, profile: Profile) -> None:
        self.profiles.remove(profile)
        for name, items in self.keychains.items():
            gone = [item for item in items if item.origin and item.origin[:2] == (profile.user, profile.identifier)]
            self.keychains[name] = [item for item in items if item not in gone]
        left = {item.sha256 for items in self.keychains.values() for item in items}
        for domain in self.trusted.values():
            domain.intersection_update(left)

    def save(self) -> None:
        """Mirror the stores into files, for people who look; the lab itself never reads them."""
        shown: dict[str, list[dict[str, Any]]] = {}
        for profile in self.profiles:
            shown.setdefault(profile.user or "_computerlevel", []).append(profile.show())
        (self.stores / "profiles.plist").write_bytes(plistlib.dumps(shown))
        chains = {name: [item.public() for item in items] for name, items in self.keychains.items()}
        (self.stores / "keychains.json").write_text(json.dumps(chains, indent=1, default=str))

    def _wake_person(self) -> None:
        self.lab.submit(person.decide(self))

    # -- the disk ---------------------------------------------------------------------------------------------------

    def _make_accounts(self, users: tuple[str, ...], console_user: str | None) -> dict[str, User]:
        accounts = {"root": User("root", 0, 0, "/var/root", True, "")}
        named = [self.login_user, *users, *([console_user] if console_user else [])]
        for name in dict.fromkeys(named):
            if name != "root":
                admin = name == self.login_user
                password = self.sudo_password if admin else f"password of {name}"
                accounts[name] = User(name, 500 + len(accounts), 20, f"/Users/{name}", admin, password)
        return accounts

    def _make_disk(self) -> None:
        folders = {"": 0o755, "Users": 0o755, "Users/Shared": 0o1777, "Library": 0o755, "private": 0o755}
        folders |= {"private/tmp": 0o1777, "private/var": 0o755, "private/var/folders": 0o755}
        (self.disk).mkdir(parents=True)
        for folder, mode in folders.items():
            self._make_folder(self.disk / folder, mode, "root")
        for link in ("var", "tmp"):
            (self.disk / link).symlink_to(f"private/{link}")
        for user in self.accounts.values():
            self._make_folder(self.home(user), 0o750, user.name)
            self._make_folder(self.temp(user), 0o700, user.name)
            if user.uid:
                self.keychains[user.name] = []
        self._owners_of_new("root")
        self.stores.mkdir()
        self._trace.touch()

    def _make_folder(self, path: Path, mode: int, owner: str) -> None:
        path.mkdir(exist_ok=True)
        path.chmod(mode)  # whatever the umask
        self.own(path, owner)

    def _install_vpnutil(self) -> None:
        folder = self.disk / "opt/homebrew/bin"
        folder.mkdir(parents=True)
        (folder / "vpnutil").symlink_to(self.bin / ".double")
        self._owners_of_new("root")

    def home(self, user: User) -> Path:
        """Home folder of a user, on the host."""
        return self.disk / user.home.lstrip("/")

    def temp(self, user: User) -> Path:
        """A user's own temporary folder (confstr _CS_DARWIN_USER_TEMP_DIR), on the host."""
        return self.disk / f"private/var/folders/{user.name}"

    def host_path(self, given: str, cwd: str) -> Path:
        """Where a path that somebody on the Mac names lies on the host."""
        if not given.startswith("/"):
            return Path(cwd, given)
        if given.startswith(f"{self.disk}/") or given.split("/")[1] not in TOP:
            return Path(given)
        return self.disk / given.lstrip("/")

    def mac_path(self, path: Path) -> str:
        """What the Mac calls a path of the host."""
        text = str(path)
        return text.removeprefix(str(self.disk)) or "/"

    def translate(self, command: str) -> str:
        """Make absolute paths in a command text reach this Mac: its tools in PATH, its folders on its disk.

        Text that comes on standard input is not seen here; wrapped tools then refuse to write outside the disk.
        """

        def tool(match: re.Match[str]) -> str:
            name = match[1]
            return match[0] if name == "sh" or not (self.bin / name).exists() else str(self.bin / name)

        # Paths of the disk itself (from HOME, say, or translated before) must stay as they are.
        parts = re.split(f"({re.escape(str(self.disk))}[^\\s'\";:)]*)", command)
        return "".join(
            part if index % 2 else TOOL.sub(tool, FOLDER.sub(f"{self.disk}\\g<0>", part))
            for index, part in enumerate(parts)
        )

    @property
    def bin(self) -> Path:
        """The folder that is the Mac's whole PATH."""
        return self.lab.tools(self.release)

    def own(self, path: Path, user: str) -> None:
        """Record the owner of a file."""
        status = path.lstat()
        self._owners[status.st_dev, status.st_ino] = user
        self._places[status.st_dev, status.st_ino] = str(path.parent.resolve() / path.name)

    def owner(self, path: Path) -> str:
        """Owner of a file as the lab recorded it; outside the disk: root."""
        status = path.lstat()
        return self._owners.get((status.st_dev, status.st_ino), "root")

    def _owners_of_new(self, user: str) -> None:
        """Give files that appeared since the last look to `user`, and forget the ones that went."""
        known, self._owners = self._owners, {}
        places, self._places = self._places, {}
        homes = [(f"{self.home(self.accounts[name])}/", name) for name, number in self.acting.items() if number]
        for folder, folders, files in os.walk(self.disk):
            for name in ["", *folders, *files]:
                with contextlib.suppress(OSError):
                    path = f"{folder}/{name}" if name else folder
                    status = os.lstat(path)
                    key = (status.st_dev, status.st_ino)
                    new = next((owner for home, owner in homes if path.startswith(home)), user)
                    self._owners[key] = known.get(key, new) if places.get(key) == path else new
                    self._places[key] = path

    def attribute_files(self, user: str) -> None:
        """Files made since the last event were made by `user`."""
        with self.lock:
            self._owners_of_new(user)

    def readable_by(self, path: Path, user: User) -> bool:
        """True if modes and recorded owners let `user` read the file, folders on the way included."""
        if not path.is_file():
            return False
        path = path.resolve()
        folders = [parent for parent in path.parents if parent.is_relative_to(self.disk)]
        return self._allowed(path, user, 4) and all(self._allowed(folder, user, 1) for folder in folders)

    def _allowed(self, path: Path, user: User, bit: int) -> bool:
        if user.uid == 0:
            return True
        owner = self.accounts[self.owner(path)]
        mode = stat.S_IMODE(path.lstat().st_mode)
        # Every ordinary account is in the group staff, root's files belong to wheel.
        shift = 6 if owner == user else 3 if owner.group == user.group else 0
        return bool(mode >> shift & bit)

    # -- execs and doubles ------------------------------------------------------------------------------------------

    def environment(self, number: int) -> dict[str, str]:
        """The environment sshd gives an exec, made from scratch."""
        user = self.accounts[self.login_user]
        return {
            "HOME": str(self.home(user)),
            "USER": user.name,
            "LOGNAME": user.name,
            "SHELL": "/bin/sh",
            "PATH": str(self.bin),
            "TMPDIR": f"{self.temp(user)}/",
            "SSH_CONNECTION": f"127.0.0.1 50000 127.0.0.1 {self.port}",
            "POSIXLY_CORRECT": "1",
            **self.marks(user, number),
        }

    def marks(self, user: User, number: int | str, session: str = "") -> dict[str, str]:
        """What the lab needs to know of a process; sudo and launchctl carry it on."""
        return {
            "LAB_SOCKET": self.lab.socket_path,
            "LAB_MAC": self.name,
            "LAB_DISK": str(self.disk),
            "LAB_TRACE": str(self._trace),
            "LAB_USER": user.name,
            "LAB_SESSION": session,
            "LAB_EXEC": str(number),
        }

    def begin(self, command: str, terminal: bool, connection: Any) -> Exec:
        """Put an exec on record before it runs."""
        with self.lock:
            self._numbers += 1
            record = Exec(self._numbers, command, terminal, connection=connection)
            self.execs.append(record)
            self._running[record.number] = record
            self._python.extend([command] if PYTHON.search(command) else [])
            for match in OUTSIDE.finditer(command.replace(str(self.disk), "")):
                self.refused([command], f"the lab cannot hold {match[1]}: write below HOME or TMPDIR")
            return record

    def end(self, record: Exec, user: str = "") -> None:
        """An exec of a user (else of the login user) ended."""
        self._running.pop(record.number, None)
        self.attribute_files(user or self.login_user)

    def exec_by_number(self, number: int) -> Exec | None:
        """Return a running exec."""
        return self._running.get(number)

    def started(self, call: Call) -> None:
        """A double was started: record it, attribute files, cut what is to be cut."""
        self.starts.append(Start(list(call.argv), call.user.name, call.env.get("HOME", ""), call.session))
        self.attribute_files(call.user.name)
        if action := self._moments.pop(call.name, None):
            action(call)

    def kill_all(self) -> None:
        """End what still runs when the lab closes."""
        for record in list(self._running.values()):
            record.signal(signal.SIGKILL)

    def erase(self) -> None:
        """Remove the Mac's folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _traced(self) -> list[list[str]]:
        records = self._trace.read_bytes().decode("utf-8", "surrogateescape").split("\0\x1e\0")
        return [record.split("\0") for record in records if record]
