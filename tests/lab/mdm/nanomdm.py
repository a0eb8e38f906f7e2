# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NanoMDM, with Macs that speak its MDM protocol, and somebody's receiver of its webhook.

The Macs and the receiver are the same for a double of the server and for the server itself, which stands behind TLS as
NanoMDM does: `tests/integration/mdm/test_mdm_nanomdm.py` holds the one against the other. The source stands beside each
route; all of it was seen of a server that was built from micromdm/nanomdm of August 2026.
"""

from __future__ import annotations

import base64
import json
import plistlib
import secrets
import threading
import time
import urllib.request
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self
from urllib.parse import unquote

from ..azure.messages import Request, Response
from .base import Denied, Enrolled, MdmLab, Refusal

TOPIC = "com.apple.mgmt.External.0b1c9b62-8a8d-4c12-9f5b-3d3b7e1f0a55"
AWAITED_SECONDS = 20.0  # for what the server posts


class Receiver:
    """What an administrator runs for the webhook: it appends each event to a file.

    `names` are the commands answered, each after its status.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.names, self.topics = path, Counter[str](), Counter[str]()
        self.news = threading.Condition()
        path.touch(mode=0o600)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.hear(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def hear(self, body: bytes) -> None:
        event = json.loads(body)
        with self.news:
            with self.path.open("ab") as file:
                file.write(body + b"\n")
            answer = event.get("acknowledge_event") or {}
            self.names[f"{answer.get('status')} {answer.get('command_uuid')}"] += 1
            self.topics[event["topic"]] += 1
            self.news.notify_all()

    def await_answer(self, status: str, name: str) -> None:
        with self.news:
            if not self.news.wait_for(lambda: self.names[f"{status} {name}"], AWAITED_SECONDS):
                raise RuntimeError(f"the webhook told nothing of {status} for {name}")

    def await_topic(self, topic: str, times: int) -> None:
        with self.news:
            if not self.news.wait_for(lambda: self.topics[topic] >= times, AWAITED_SECONDS):
                raise RuntimeError(f"the webhook told nothing of {topic}")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)


class Core(Protocol):
    """A NanoMDM."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def api(self, request: Request) -> Response:
        """What a client of the API is answered."""

    def mdm(self, document: dict[str, Any]) -> bytes:
        """What a Mac is answered that sends this: a command, or nothing."""


@dataclass
class Queued:
    """A command for one Mac."""

    name: str
    raw: bytes
    status: str = ""  # what the Mac has answered
    active: bool = True


@dataclass
class Double:
    """The server as its sources and runs of it have it, with one of its kinds of storage."""

    webhook: str
    api_key: str
    storage: str = "filekv"
    pushes: bool = True  # whether there is a push certificate
    enrolled: set[str] = field(default_factory=set)
    queues: dict[str, list[Queued]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    tally: Counter[str] = field(default_factory=Counter)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    # -- the API (http/api/v1.go) -----------------------------------------------------------------------------------

    def api(self, request: Request) -> Response:
        # nanolib, http: NewSimpleBasicAuthHandler
        login = base64.b64encode(f"nanomdm:{self.api_key}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {login}":
            headers = {"Content-Type": "text/plain; charset=utf-8", "WWW-Authenticate": 'Basic realm="nanomdm"'}
            raise Denied(Response(401, b"Unauthorized\n", headers))
        kind, _slash, ids = request.path.removeprefix("/v1/").partition("/")
        if request.path.startswith("/v1/enqueue/") and request.method == "PUT":
            return self._enqueue(unquote(ids).split(","), request)
        if request.path.startswith("/v1/push/") and request.method == "GET":
            told: dict[str, Any] = {}
            self._push(unquote(ids).split(","), told)
            return _result(told, len(unquote(ids).split(",")))
        raise Refusal(Response(404, b"404 page not found\n"), f"there is no {request.method} of {kind}")

    def _enqueue(self, ids: list[str], request: Request) -> Response:
        """api/do.go, api/types.go: what is queued, and then whom a push has reached."""
        if request.query not in ("", "nopush=1"):
            raise Refusal(Response(400), f"enqueue has no {request.query}")
        name, kind = _command(request.body)
        told: dict[str, Any] = {"command_uuid": name, "request_type": kind}
        if error := self._store(ids, name, request.body):
            return _result({"command_error": error} | told, len(ids))
        if request.query:
            told = {"no_push": True} | told
        else:
            self._push(ids, told)
        return _result(told, len(ids))

    def _store(self, ids: list[str], name: str, raw: bytes) -> str:
        """EnqueueCommand of storage/kv, mysql, pgsql and file, each in its queue.go."""
        if name in self.names and self.storage != "file":
            return {
                "mysql": f"Error 1062 (23000): Duplicate entry '{name}' for key 'commands.PRIMARY'",
                "pgsql": 'pq: duplicate key value violates unique constraint "commands_pkey"',
            }.get(self.storage, f"command already exists: {name}")
        if set(ids) - self.enrolled and self.storage in ("mysql", "pgsql"):
            return {
                "mysql": "Error 1452 (23000): Cannot add or update a child row: a foreign key constraint fails",
                "pgsql": 'pq: insert or update on table "enrollment_queue" violates foreign key constraint "fk_id"',
            }[self.storage]
        self.names.add(name)
        for each in ids:
            self.queues[each] = [queued for queued in self.queues.get(each, []) if queued.name != name]
            self.queues[each].append(Queued(name, raw))
        return ""

    def _push(self, ids: list[str], told: dict[str, Any]) -> None:
        """push/service/service.go."""
        found: dict[str, dict[str, str]] = {}
        for each in ids:
            if each not in self.enrolled:
                found[each] = {"push_error": "push data missing for id"}
            elif self.pushes:
                found[each] = {"push_result": str(uuid.uuid4()).upper()}
            else:
                told["push_error"] = f'retrieving push cert for topic "{TOPIC}": getting {TOPIC}.pem: key not found: x'
        if found:
            told["status"] = found

    # -- Macs (service/nanomdm/service.go) --------------------------------------------------------------------------

    def mdm(self, document: dict[str, Any]) -> bytes:
        udid, kind = document["UDID"], document.get("MessageType")
        queue = self.queues.setdefault(udid, [])
        if kind == "Authenticate":
            for queued in queue:
                queued.active = queued.status not in ("", "NotNow")  # ClearQueue
            self.enrolled.discard(udid)
        elif kind == "TokenUpdate":
            self.enrolled.add(udid)
            self.tally[udid] += 1
        elif kind is None:
            for queued in queue:
                if queued.name == document.get("CommandUUID"):
                    queued.status = document["Status"]
        self._post(document)
        if kind is not None:
            return b""
        skipped = ("NotNow",) if document["Status"] == "NotNow" else ()
        waiting = (each for each in queue if each.active and each.status in {"", "NotNow"} - set(skipped))
        return next((each.raw for each in waiting), b"")

    def _post(self, document: dict[str, Any]) -> None:
        """service/webhook/service.go, service/webhook/event.go."""
        udid, kind = document["UDID"], document.get("MessageType")
        told: dict[str, Any] = {
            "ids": {"id": udid, "type": "Device"},
            "raw_payload": base64.b64encode(plistlib.dumps(document)).decode(),
            "udid": udid,
        }
        if kind is None:
            told |= {"status": document["Status"]}
            told |= {"command_uuid": document["CommandUUID"]} if "CommandUUID" in document else {}
        elif kind == "TokenUpdate":
            told["token_update_tally"] = self.tally[udid]
        event = {
            "checkin_event" if kind else "acknowledge_event": told,
            "created_at": datetime.now(UTC).isoformat().replace("+00:00", "123Z"),  # nanoseconds, as Go has them
            "event_id": secrets.token_hex(8),
            "topic": f"mdm.{kind or 'Connect'}",
        }
        body = json.dumps(event, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json; charset=utf-8"}
        with urllib.request.urlopen(urllib.request.Request(self.webhook, body, headers), timeout=20):
            pass


def _command(body: bytes) -> tuple[str, str]:
    """mdm/command.go: DecodeCommand; storage/mysql/schema.sql; Apple's schema of InstallProfile and RemoveProfile."""
    try:
        document = plistlib.loads(body, fmt=plistlib.FMT_XML)
        name, command = document["CommandUUID"], document["Command"]
        kind = command["RequestType"]
    except (ValueError, LookupError, TypeError) as error:
        raise Refusal(Response(500, b'{"command_error": "decoding command: invalid command"}'), str(error)) from None
    keys = {"InstallProfile": {"RequestType", "Payload"}, "RemoveProfile": {"RequestType", "Identifier"}}.get(kind)
    if not body.startswith(b"<?xml") or len(name) > 127 or set(document) != {"Command", "CommandUUID"}:
        raise Refusal(Response(500), f"a command that not every storage takes: {name}")
    if keys != set(command) or not all(isinstance(command.get(key, b""), bytes) for key in ("Payload",)):
        raise Refusal(Response(500), f"no {kind} of Apple's: {sorted(command)}")
    return name, kind


def _result(told: dict[str, Any], count: int) -> Response:
    """api/do.go: code; http/api/api.go: writeJSON."""
    failed = sum("push_error" in one or "command_error" in one for one in told.get("status", {}).values())
    whole = "push_error" in told or "command_error" in told
    status = 500 if whole or failed == count else 207 if failed else 200
    return Response(status, json.dumps(told, indent="\t").encode() + b"\n", {"Content-Type": "application/json"})


class NanoMdmLab(MdmLab):
    """A NanoMDM behind TLS, with its Macs and a receiver."""

    TYPE = "nanomdm"
    NOTHING = "none of NanoMDM"
    NO_LOGIN = "refuses the login"
    REFUSED = "MCProfileErrorDomain (1009): The profile could not be installed."
    LISTS_PROFILES = False
    ASLEEP = "queued"
    FOUND_BY = "UDID"
    UNKNOWN = "absent"
    WRONG_LOGIN: ClassVar[dict[str, str]] = {"api_key": "somebody", "record": "", "results": ""}
    PLACES: ClassVar[dict[str, str]] = {"profiles": "PUT /v1/enqueue/*", "new": "PUT /v1/enqueue/*"}

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.client_secret = secrets.token_urlsafe(32)  # its API key
        self.secrets: list[str] = [base64.b64encode(f"nanomdm:{self.client_secret}".encode()).decode()]
        self.receiver = Receiver(folder / "results.jsonl")
        self.record, self.results = folder / "record.jsonl", self.receiver.path
        self.core: Core = self.make_core(folder)
        self.commands: list[str] = []  # names of those that were queued
        self.given: dict[str, dict[str, str]] = {}  # by UDID, the kind of the last command for each identifier

    def make_core(self, folder: Path) -> Core:
        return Double(self.receiver.url, self.client_secret)

    def __enter__(self) -> Self:
        self.core.__enter__()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        try:
            super().__exit__(*error)
        finally:
            self.core.__exit__(*error)
            self.receiver.close()

    @property
    def server(self) -> dict[str, str]:
        """The option `server`."""
        files = {"ca_file": str(self.ca_file), "record": str(self.record), "results": str(self.results)}
        return {"type": self.TYPE, "url": self.url, "api_key": self.client_secret, **files}

    # -- what a test does -------------------------------------------------------------------------------------------

    def enrol(self, mac: Any, *, reaches: str = "at once", serial_number: str = "", name: str = "") -> Enrolled:
        record = super().enrol(mac, reaches=reaches, serial_number=serial_number, name=name)
        self.check_in(record)
        return record

    def check_in(self, record: Enrolled) -> None:
        """The Mac enrols, or does so anew."""
        about = {
            "SerialNumber": record.serial_number,
            "DeviceName": record.name,
            "OSVersion": record.mac.release.version,
        }
        times = self.receiver.topics["mdm.TokenUpdate"] + 1
        self._says(record, "Authenticate", **{key: str(value) for key, value in about.items()})
        self._says(record, "TokenUpdate", Token=secrets.token_bytes(32), PushMagic=str(uuid.uuid4()))
        self.receiver.await_topic("mdm.TokenUpdate", times)
        self.receiver.await_topic("mdm.Authenticate", times)

    def check_out(self, record: Enrolled) -> None:
        self._says(record, "CheckOut")
        self.receiver.await_topic("mdm.CheckOut", 1)

    def awake(self, record: Enrolled) -> None:
        record.reaches = "at once"
        with self.lock:
            self._come(record)

    @property
    def profiles(self) -> dict[str, set[str]]:
        return {name: reached for name, reached in self.scopes().items() if reached}

    def scopes(self) -> dict[str, set[str]]:
        """For each profile of each Mac, whether the Mac has it, or is to have it when it comes."""
        names = {record.mac.hardware_uuid: record.mac.name for record in self.enrolled.values()}
        return {
            f"{identifier} {udid}": {names[udid]} if kind == "InstallProfile" else set()
            for udid, kinds in self.given.items()
            for identifier, kind in kinds.items()
            if udid in names
        }

    def calls(self, _macs: int) -> int:
        """Of a run that changes nothing: what was written down tells."""
        return 0

    # -- inside -----------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Response:
        response = self.core.api(request)
        told = json.loads(response.body)
        udid = unquote(request.path.rpartition("/")[2])
        if "command_uuid" in told and "command_error" not in told:
            self.commands.append(told["command_uuid"])
            command = plistlib.loads(request.body)["Command"]
            identifier = command.get("Identifier") or _identifier(command["Payload"])
            self.given.setdefault(udid, {})[identifier] = command["RequestType"]
        for record in self.enrolled.values():
            if record.mac.hardware_uuid == udid and record.reaches != "never":
                self._come(record)
        return response

    def _come(self, record: Enrolled) -> None:
        """The Mac does what there is for it."""
        raw = self._says(record, None, Status="Idle")
        while raw:
            document = plistlib.loads(raw)
            name, status, chain = document["CommandUUID"], "Acknowledged", {}
            if record.reaches == "not now":
                status = "NotNow"
            elif error := self._carry_out(record, document["Command"]):
                status = "Error"
                domain, code, text = error
                chain = {"ErrorChain": [{"ErrorCode": code, "ErrorDomain": domain, "LocalizedDescription": text}]}
            raw = self._says(record, None, Status=status, CommandUUID=name, **chain)
            self.receiver.await_answer(status, name)

    def _carry_out(self, record: Enrolled, command: dict[str, Any]) -> tuple[str, int, str] | None:
        if command["RequestType"] == "InstallProfile":
            error = self.install(record, command["Payload"])
            return ("MCProfileErrorDomain", 1009, error) if error else None
        if not record.mac.remove_profile(command["Identifier"]):
            # fleetdm/fleet#21713
            return "MDMClientError", 89, f"Profile with identifier '{command['Identifier']}' not found."
        self.report(record)
        return None

    def _says(self, record: Enrolled, kind: str | None, **what: Any) -> bytes:
        checkin = {"MessageType": kind, "Topic": TOPIC} if kind else {}
        return self.core.mdm({"UDID": record.mac.hardware_uuid, **checkin, **what})


def _identifier(payload: bytes) -> str:
    """Of a profile, which may be signed."""
    start, end = payload.find(b"<?xml"), payload.rfind(b"</plist>")
    return str(plistlib.loads(payload[start : end + len(b"</plist>")])["PayloadIdentifier"])


def awaited(condition: Any, seconds: float = AWAITED_SECONDS) -> None:
    """Return when it holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("it did not come to hold")
        time.sleep(0.02)
