# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The IKEv2 service that an installed profile makes on a lab Mac: its native client as macOS starts, stops and logs it.

What is asked of it returns at once, as on macOS, where nesessionmanager does the work: a worker for each Mac dials.
"""

from __future__ import annotations

import datetime
import plistlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ansible_collections.vwan.user_vpn.tests.lab import ingestion
from ansible_collections.vwan.user_vpn.tests.lab.tunnel import on_demand
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.causes import STOP_REASONS, Disconnect
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.native_client import NativeClient
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.profile import ProfileError

if TYPE_CHECKING:
    from ansible_collections.vwan.user_vpn.tests.lab.mac import Mac

_PLUGIN = "plugin NEVPNTunnelPlugin(com.apple.NetworkExtension.IKEv2Provider[inactive])"
_USER_STOP, _REMOVED, _ON_DEMAND = 1, 32, 39  # see STOP_REASONS


class VpnService:
    """Joins a `Mac` of the lab and a `NativeClient`; made by `Lab.add_mac` of a lab that has a tunnel lab.

    network: what the Mac knows of the network it is in, for the rules of On Demand; `network_changed` meets another.
    """

    def __init__(self, mac: Mac, client: NativeClient) -> None:
        self._mac = mac
        self.client = client
        self.network = on_demand.NetworkState()
        self._name = ""  # of the service, as System Settings shows it
        self._identifier = ""  # of the profile that made it
        self._was_up = False
        self._lock = threading.RLock()
        self._jobs: set[Future[None]] = set()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix=f"nesessionmanager-{mac.name}")

    # -- the profile ------------------------------------------------------------------------------------------------

    def install(self, profile: bytes, content: dict[str, Any], kept: dict[str, dict[str, Any]]) -> None:
        """Take an approved profile that has a VPN; On Demand then looks at the network at once.

        kept: payloads that macOS keeps instead of those of the new profile, by PayloadUUID. A live tunnel goes on with
        what it was made with. Raises IngestionError for what the client cannot use.
        """
        if not any(payload["PayloadType"] == ingestion.VPN for payload in content["PayloadContent"]):
            return
        if kept:
            payloads = [kept.get(payload["PayloadUUID"], payload) for payload in content["PayloadContent"]]
            profile = plistlib.dumps(content | {"PayloadContent": payloads})
        try:
            self._name = self.client.install(profile).name
        except ProfileError as error:
            raise ingestion.IngestionError(ingestion.NO_VPN, str(error)) from error
        self._identifier = content["PayloadIdentifier"]
        self._submit(self._meet_network)

    def remove(self, identifier: str) -> None:
        """The profile is removed, and its service and tunnel with it."""
        if identifier != self._identifier:
            return
        self._identifier = ""
        self._submit(self._remove)

    # -- what starts and stops it -----------------------------------------------------------------------------------

    def connect(self, name: str) -> None:
        """Somebody starts the service: a person, a shortcut, vpnutil. Works from Disconnected only."""
        if self.status(name) == "Disconnected":
            self._submit(self._dial)

    def disconnect(self, name: str) -> None:
        if self.status(name) == "Connected":
            self._submit(self._hang_up)

    def network_changed(self, network: on_demand.NetworkState) -> None:
        """The Mac is in another network: On Demand connects or disconnects as the rules say."""
        self.network = network
        self._submit(self._meet_network)

    def settle(self, timeout: float = 30) -> None:
        """Wait (seconds) until all that was asked has been done; a fault of the lab is raised here."""
        for job in list(self._jobs):
            job.result(timeout)

    def close(self) -> None:
        self._worker.shutdown(wait=True, cancel_futures=True)

    # -- what can be seen -------------------------------------------------------------------------------------------

    def status(self, name: str) -> str:
        """Invalid, Disconnected, Connecting or Connected."""
        self.notice()
        if name != self._name or not self._identifier:
            return "Invalid"
        status = self.client.status()
        return "Connecting" if status == "Disconnected" and self._busy() else status

    def tunnel(self) -> dict[str, Any] | None:
        """The tunnel as the Mac's commands show it; None while there is none."""
        self.notice()
        found = self.client.interface()
        if found is None:
            return None
        return {
            "service": self._name,
            "interface": found.name,
            "address": found.address,
            "mtu": found.mtu,
            "dns": list(found.dns_servers),
            "search_domains": list(found.search_domains),
            "match_domains": list(found.match_domains),
            "routes": list(found.routes),
        }

    def notice(self) -> None:
        """Write down a tunnel that went down by itself since the last look."""
        with self._lock:
            if self._was_up and not self._busy() and self.client.status() != "Connected":
                self._was_up = False
                self._log_failure(self.client.why_down(), "Running")

    # -- the worker -------------------------------------------------------------------------------------------------

    def _submit(self, work: Callable[[], None]) -> None:
        job = self._worker.submit(work)
        self._jobs.add(job)
        # A failure of the lab itself must be seen: it stays until somebody asks for it.
        job.add_done_callback(self._ended)

    def _ended(self, job: Future[None]) -> None:
        if job.cancelled() or job.exception() is None:
            self._jobs.discard(job)
        else:
            self._mac.faults.append(f"the VPN service: {job.exception()!r}")

    def _busy(self) -> bool:
        return any(not job.done() for job in list(self._jobs))

    def _meet_network(self) -> None:
        profile = self.client.profile
        if profile is None or not profile.on_demand:
            return
        action = on_demand.action(profile.on_demand_rules, self.network)
        if action == "Connect":
            self._dial()
        elif action == "Disconnect":
            self._hang_up(_ON_DEMAND)

    def _dial(self) -> None:
        if self.client.profile is None or self.client.status() == "Connected":
            return
        self._log("status changed to connecting")
        attempt = self.client.connect()
        self._was_up = attempt.connected
        if attempt.connected:
            self._log("status changed to connected")
        else:
            self._log_failure(attempt.failure)

    def _hang_up(self, reason: int = _USER_STOP) -> None:
        if self.client.status() == "Connected":
            self._log("status changed to disconnecting")
            self._was_up = False
            self.client.disconnect()
            # The plugin's own words for it are those of a refusal, too: see the row "Clean user stop" there.
            if reason == _USER_STOP:
                self._log(
                    f"{_PLUGIN} disconnected with reason {STOP_REASONS[3]}", " in state NESMVPNSessionStateStopping"
                )
            self._log(f"status changed to disconnected, last stop reason {STOP_REASONS[reason]}")

    def _remove(self) -> None:
        if not self._identifier:  # unless another profile has come since
            self._hang_up(_REMOVED)
            self.client.remove()

    # -- the log ----------------------------------------------------------------------------------------------------

    def _log_failure(self, failure: Disconnect | None, state: str = "Starting") -> None:
        """The end of a session as macOS logs it. Sources: trailofbits/algo#14844, #539 (form of the lines),
        jim-lake/VPNStatus NE_PRIVATE_VPN.md (the same on macOS 26, with stop reason and message for each code)."""
        if failure is None:
            return
        self._log(f"{_PLUGIN} disconnected with reason {failure.stop_reason}", f" in state NESMVPNSessionState{state}")
        self._log(f"status changed to disconnected, last stop reason {failure.stop_reason}")
        if self._mac.console_user:  # the VPN menu of the desktop is one that watches the connection, and logs this
            words = f'Last disconnect error for {self._name} changed from "none" to "{failure.message}"'
            self._mac.log_lines.append(_line("VPN", 731, words))

    def _log(self, words: str, state: str = "") -> None:
        session = f"NESMIKEv2VPNSession[Primary Tunnel:{self._name}:{ingestion.uuid_of(self._name)}:(null)]"
        self._mac.log_lines.append(_line("nesessionmanager", 439, f"{session}{state}: {words}"))


def _line(process: str, pid: int, words: str) -> str:
    """One line of `log show` in its default style."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S.%f+0000")
    head = f"{now:<31} {0x10C7F:<#10x} {'Default':<11} {'0x0':<20} {pid:<6} {0:<4}"
    return f"{head} {process}: (NetworkExtension) [com.apple.networkextension:] {words}"
