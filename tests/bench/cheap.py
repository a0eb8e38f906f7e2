# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Macs that answer from memory, so that a measurement is of the controller and not of shells on the same cores.

Nothing here knows what is asked. The first exec of a kind is put to a real Mac of the lab that is in the same state:
a twin, with the same serial number and the same profile installed. What it says, and whether its profile changed, is
kept, and told to every Mac that asks the same, with the words that are another Mac's own put in place: serial number,
UUIDs, fingerprints of its certificates, random marks. `differences` puts everything that a Mac was asked to another
twin, in order, and compares.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import plistlib
import re
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass

import asyncssh

from ansible_collections.vwan.user_vpn.tests.lab.ingestion import PKCS12, ROOTS
from ansible_collections.vwan.user_vpn.tests.lab.lab import Lab
from ansible_collections.vwan.user_vpn.tests.lab.mac import Exec, Mac
from ansible_collections.vwan.user_vpn.tests.lab.ssh_server import SshServer

TWIN = "twin-"
SECONDS = 20.0  # for a person of the lab to approve
OWN_WORD = re.compile(r"\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b|\b[0-9A-Fa-f]{16,64}\b|[a-z]{32}\b")
LENGTH = re.compile(r"\blength=\d+")
BECOME = re.compile(r"BECOME-SUCCESS-[a-z]{32}")
BASE64 = re.compile(r"[A-Za-z0-9+/]{2000,}={0,2}")
PLACE = re.compile("\0([0-9]+)\0")
# What two runs of the same command on the same Mac tell differently.
MOMENT = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000|^waiting=-?\d+\n", re.MULTILINE)


@dataclass(frozen=True)
class Question:
    """One exec in the state of its Mac: the words that are this Mac's own, and all the rest, the same for many."""

    kind: str
    words: tuple[str, ...]
    installed: bytes
    incoming: bytes


@dataclass(frozen=True)
class Answer:
    """What a twin said, its own words replaced by their positions, and the profile that it had afterwards."""

    rc: int
    stdout: str
    stderr: str
    installed: str  # "before", "incoming" or "none"


class CheapServer(SshServer):
    """SSH servers of Macs that start no shell."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self.installed: dict[str, bytes] = {}
        self.answers: dict[str, Answer] = {}
        self._asking = asyncio.Lock()
        self._words: dict[bytes, list[str]] = {}
        self._twins = 0

    async def _run(self, mac: Mac, process: asyncssh.SSHServerProcess[bytes]) -> None:
        if mac.name.startswith(TWIN):
            await super()._run(mac, process)
            return
        command = str(process.command)
        record = Exec(len(mac.execs) + 1, command, terminal=process.get_terminal_type() is not None)
        mac.execs.append(record)
        greeting = b""
        if not record.terminal:
            if become := BECOME.search(command):  # Ansible sends nothing before it has read this
                greeting = f"{become[0]}\n".encode()
                process.stdout.write(greeting)
            record.stdin = await process.stdin.read()
        answer, words = await self._answer(mac, record)
        record.stdout, record.stderr, record.rc = _fill(answer.stdout, words), _fill(answer.stderr, words), answer.rc
        process.stdout.write(record.stdout.removeprefix(greeting))
        process.stderr.write(record.stderr)
        process.exit(answer.rc)

    async def _answer(self, mac: Mac, record: Exec) -> tuple[Answer, tuple[str, ...]]:
        question = await self._question(mac, record)
        if question.kind not in self.answers:
            async with self._asking:
                if question.kind not in self.answers:
                    loop = asyncio.get_running_loop()
                    self.answers[question.kind] = await loop.run_in_executor(None, self._learn, mac, record, question)
        answer = self.answers[question.kind]
        if answer.installed == "incoming":
            self.installed[mac.name] = question.incoming
        elif answer.installed == "none":
            self.installed.pop(mac.name, None)
        return answer, question.words

    async def _question(self, mac: Mac, record: Exec) -> Question:
        installed = self.installed.get(mac.name, b"")
        command, incoming = record.command, record.stdin if record.stdin.startswith(b"<?xml") else b""
        for blob in () if incoming else BASE64.findall(command):
            decoded = base64.b64decode(blob)
            if decoded.startswith(b"<?xml"):
                command, incoming = command.replace(blob, "a profile"), decoded
        given = [mac.serial, mac.name, *await self._own(installed), *await self._own(incoming)]
        words = tuple(dict.fromkeys([*given, *OWN_WORD.findall(command)]))
        known = [words.index(word) for word in given]  # which of them are the same tells, say, a new profile
        rest = b"a profile" if record.stdin and record.stdin == incoming else record.stdin
        parts = (_cut(LENGTH.sub("length=", command), words), known, record.terminal, installed != b"", rest)
        return Question(hashlib.sha256(repr(parts).encode()).hexdigest(), words, installed, incoming)

    async def _own(self, profile: bytes) -> list[str]:
        """The words of a profile that differ between Macs, if they do: UUIDs and hashes of certificates."""
        if profile not in self._words:
            words: list[str] = []
            content = plistlib.loads(profile) if profile else {"PayloadContent": []}
            for payload in [*content["PayloadContent"], *([content] if profile else [])]:
                words.append(payload["PayloadUUID"])
                der = b""
                if payload["PayloadType"] == PKCS12:
                    der = await _leaf(payload["PayloadContent"], payload["Password"])
                elif payload["PayloadType"] in ROOTS:
                    der = payload["PayloadContent"]
                if der:
                    words += [hashlib.new(name, der).hexdigest().upper() for name in ("sha1", "sha256")]
            self._words[profile] = words
        return self._words[profile]

    # -- twins, on any thread but the lab's -------------------------------------------------------------------------

    def _learn(self, mac: Mac, record: Exec, question: Question) -> Answer:
        twin = self._twin(mac, question.installed)
        said = self._put(twin, record)
        now = _profile_of(twin)
        after = {question.installed: "before", question.incoming: "incoming", b"": "none"}.get(now)
        assert after, f"{twin.name} has a profile that nobody gave it"
        assert said.rc is not None
        words = question.words
        return Answer(said.rc, _cut(_text(said.stdout), words), _cut(_text(said.stderr), words), after)

    def differences(self, mac: Mac, records: Sequence[Exec]) -> list[str]:
        """Where a real double says something else than this Mac has said since it had no profile, in words."""
        twin = self._twin(mac, b"")
        found = []
        for number, record in enumerate(records, 1):
            said = self._put(twin, record)
            ours, theirs = (
                (one.rc, MOMENT.sub(b"", one.stdout), MOMENT.sub(b"", one.stderr)) for one in (record, said)
            )
            if ours != theirs:
                found.append(f"exec {number} of {mac.name}: {ours} from memory, {theirs} of a real double")
        if _profile_of(twin) != self.installed.get(mac.name, b""):
            found.append("the profiles at the end differ")
        return found

    def _twin(self, mac: Mac, profile: bytes) -> Mac:
        self._twins += 1
        twin = self.lab.add_mac(f"{TWIN}{self._twins}", serial=mac.serial, approve_after=0.1)
        if profile:
            assert twin.console_user
            twin.download(profile, twin.console_user)
            _wait_for(twin, profile)
        return twin

    def _put(self, twin: Mac, record: Exec) -> Exec:
        """Put an exec to a twin; what it opens is approved when this returns."""
        starts = len(twin.starts)
        self.lab.ssh(twin, record.command, record.stdin, *(["-tt"] if record.terminal else []))
        opened = [start.argv for start in twin.starts[starts:] if start.argv[0] == "open"]
        if opened:
            end = time.monotonic() + SECONDS
            while twin.pending or not twin.profiles:
                assert time.monotonic() < end, f"{opened} came to nothing: {twin.ingestion_errors}, {twin.refusals}"
                time.sleep(0.02)
        assert not twin.faults, twin.faults
        return twin.execs[-1]


def _profile_of(mac: Mac) -> bytes:
    return mac.profiles[-1].raw if mac.profiles else b""


def _wait_for(twin: Mac, profile: bytes) -> None:
    end = time.monotonic() + SECONDS
    while _profile_of(twin) != profile:
        assert time.monotonic() < end, f"a twin did not take a profile: {twin.ingestion_errors}"
        time.sleep(0.02)


async def _leaf(data: bytes, password: str) -> bytes:
    """The certificate of a PKCS#12 file, without its key, which takes far longer to check than all the rest."""
    pipe = asyncio.subprocess.PIPE
    command = ["openssl", "pkcs12", "-nokeys", "-clcerts", "-in", "/dev/stdin", "-passin", f"pass:{password}"]
    child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    text, _none = await child.communicate(data)
    return ssl.PEM_cert_to_DER_cert(re.sub(r"(?s).*(?=-----BEGIN)", "", text.decode()))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _cut(text: str, words: Sequence[str]) -> str:
    """The text with the position of each of these words in its place."""
    if not words:
        return text
    places = {word: number for number, word in enumerate(words)}
    pattern = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    return re.sub(pattern, lambda match: f"\0{places[match[0]]}\0", text)


def _fill(text: str, words: Sequence[str]) -> bytes:
    return PLACE.sub(lambda match: words[int(match[1])], text).encode("utf-8", "surrogateescape")
