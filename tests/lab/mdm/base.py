# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab's MDM servers share: the listener, the records, faults, and the Macs that are enrolled."""

from __future__ import annotations

import threading
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from ..azure import certificates
from ..azure.messages import Request, Response
from ..azure.server import Listener
from ..ingestion import IngestionError

if TYPE_CHECKING:
    from ..keychain import Item
    from ..mac import Mac

CLOSED = Response(0)


class Denied(Exception):
    """An answer that is no mistake of the client's, such as 401."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"HTTP status {response.status}")
        self.response = response


class Refusal(Exception):
    """What the documentation of the server does not have."""

    def __init__(self, response: Response, reason: str) -> None:
        super().__init__(reason)
        self.response = response


@dataclass
class Enrolled:
    """A Mac in the MDM's inventory. `reaches` is what it does when it is told to come: see `MdmLab.enrol`."""

    id: str
    mac: Mac
    serial_number: str
    name: str
    management_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    managed: bool = True
    reaches: str = "at once"
    groups: list[str] = field(default_factory=list)
    user: str = "anna"
    last_seen: datetime = field(default_factory=lambda: datetime.now(UTC))
    inventory: dict[str, str] = field(default_factory=dict)  # profile identifier -> display name, as last reported
    certificates: list[Item] = field(default_factory=list)  # of its keychains, as last reported


class Faults:
    """Answers in place of the service, for the next requests that match `METHOD PATH` (shell wildcards)."""

    def __init__(self) -> None:
        self._entries: list[tuple[str, Callable[[Request], Response | None], list[float]]] = []

    def add(self, match: str, answer: Callable[[Request], Response | None] | Response, times: float = 1) -> None:
        act = answer if callable(answer) else lambda _request: answer
        self._entries.append((match, act, [times]))

    def clear(self) -> None:
        self._entries.clear()

    def take(self, request: Request) -> Response | None:
        for match, act, left in self._entries:
            if left[0] >= 1 and fnmatchcase(f"{request.method} {request.path}", match):
                left[0] -= 1
                return act(request)
        return None


class Server(Protocol):
    """What the suite uses of a server, whichever it is.

    `PLACES` are matches for `faults`: the token, the list of Macs, profiles, a new one, a changed one. `REFUSED` is
    what it tells of a Mac that refuses, `NOTHING` what a message calls an answer that is none of its own, `NO_LOGIN`
    what it says of a wrong login, and `WRONG_LOGIN` is one.
    """

    TYPE: str
    NOTHING: str
    NO_LOGIN: str
    REFUSED: str
    LISTS_PROFILES: bool
    ASLEEP: str  # the state of a Mac that is off
    FOUND_BY: str
    UNKNOWN: str  # the state of a Mac that nobody has enrolled
    WRONG_LOGIN: ClassVar[dict[str, str]]
    PLACES: ClassVar[dict[str, str]]
    faults: Any
    requests: list[Any]
    refusals: list[str]
    profiles: Any
    commands: Any
    environment: Any
    secrets: Any
    client_secret: str

    def __init__(self, folder: Path) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: Any) -> None: ...

    @property
    def server(self) -> dict[str, Any]:
        """The option `server`."""

    def enrol(self, mac: Mac, *, reaches: str = "at once", serial_number: str = "", name: str = "") -> Any:
        """Put a Mac into the inventory: see `MdmLab.enrol`."""

    def of(self, mac: Mac) -> Any:
        """What it knows of a Mac: `serial_number`, `managed`, `reaches`."""

    def awake(self, record: Any) -> None:
        """The Mac is switched on, and does what waits for it."""

    def answer(self, request: Request) -> Response:
        """Serve a request."""

    def scopes(self) -> dict[str, set[str]]:
        """Name of each profile -> the names of the Macs that it reaches; "everybody" for more than Macs."""

    def calls(self, macs: int) -> int:
        """How many a run makes that finds nothing to change for Macs with a profile of their own."""

    def give_to_all(self, stored: Any) -> str:
        """Somebody lets a profile reach everybody; what a warning calls that."""

    def give_to_sales(self, stored: Any) -> str:
        """Somebody lets a profile reach a group of others; what a warning calls that."""

    def take_back(self, stored: Any) -> None:
        """Both are over."""


class MdmLab:
    """A running server; a context manager. `folder` gets its CA."""

    environment: ClassVar[dict[str, str]] = {}  # what a client needs beside the option `server`
    ASLEEP = "pending"
    FOUND_BY = "serial number"
    UNKNOWN = "unknown device"

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        issuer = certificates.authority("Lab MDM CA")
        self.ca_file = certificates.write(folder / "mdm-ca.pem", issuer.certificate_pem)
        identity = certificates.server(issuer, ["localhost", "127.0.0.1"])
        server_file = certificates.write(folder / "mdm-server.pem", identity.certificate_pem, identity.key_pem)
        self._listener = Listener(server_file)
        self.url = f"https://localhost:{self._listener.port}"
        self.faults = Faults()
        self.requests: list[str] = []  # "METHOD PATH STATUS"
        self.refusals: list[str] = []
        self.crashes: list[str] = []
        self.enrolled: dict[str, Enrolled] = {}
        self.lock = threading.RLock()
        #: Called before each request is served; a test may kill somebody there.
        self.watch: Callable[[Request], None] = lambda _request: None

    def __enter__(self) -> Self:
        self._listener.start(self._serve)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        if self.crashes and error is None:
            raise RuntimeError("the lab's MDM has crashed:\n" + "\n".join(self.crashes))

    # -- what a test does -------------------------------------------------------------------------------------------

    def enrol(self, mac: Mac, *, reaches: str = "at once", serial_number: str = "", name: str = "") -> Enrolled:
        """Put a Mac into the inventory.

        `reaches`: "at once", "never" (it is switched off), "refuses" (macOS installs nothing), "not now" (it is
        locked).
        """
        number = str(len(self.enrolled) + 1)
        record = Enrolled(number, mac, serial_number or mac.serial, name or f"{mac.name}'s Mac", reaches=reaches)
        self.enrolled[number] = record
        return record

    def of(self, mac: Mac) -> Enrolled:
        return next(record for record in self.enrolled.values() if record.mac is mac)

    # -- inside -----------------------------------------------------------------------------------------------------

    def install(self, record: Enrolled, raw: bytes) -> str:
        """Let the Mac take a profile in; what macOS says if it does not."""
        if record.reaches == "refuses":
            return "The profile could not be installed."
        try:
            record.mac.push_profile(raw)
        except IngestionError as error:
            return error.shown
        self.report(record)
        return ""

    def report(self, record: Enrolled) -> None:
        """The Mac sends its inventory."""
        record.inventory = {
            profile["identifier"]: str(profile["display_name"] or "")
            for profile in record.mac.installed_profiles()
            if profile["source"] == "mdm"
        }
        record.last_seen = datetime.now(UTC)

    def take_inventory(self) -> None:
        """All Macs send the list of their certificates too, which MDMs ask for once a day or so."""
        for record in self.enrolled.values():
            self.report(record)
            record.certificates = [item for items in record.mac.keychains.values() for item in items]

    def _serve(self, request: Request) -> Response:
        self.watch(request)
        with self.lock:
            try:
                response = self.faults.take(request) or self.answer(request)
            except Refusal as refusal:
                self.refusals.append(f"{request.method} {request.path}: {refusal}")
                response = refusal.response
            except Denied as denied:
                response = denied.response
            except Exception:  # noqa: BLE001 - whatever it is, the test is to hear of it
                self.crashes.append(traceback.format_exc())
                response = Response(500)
            self.requests.append(f"{request.method} {request.path} {response.status}")
        return response

    def answer(self, request: Request) -> Response:
        raise NotImplementedError


def slow(seconds: float, then: Response | None = None) -> Callable[[Request], Response | None]:
    def act(_request: Request) -> Response | None:
        time.sleep(seconds)
        return then

    return act
