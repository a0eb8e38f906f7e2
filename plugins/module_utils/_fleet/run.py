# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what a run has found out so far about the Macs of its play.

The roles register it: what concerns the fleet is the same for every Mac, and any of them that has it will do, since
the one that the task ran for may have been left out by then (`--limit`, another play). What one Mac said is its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._errors import UserVpnError
from .settings import HostVars, client_of, own, truth

BY_API = "mdm_api"  # the delivery of a Mac whose MDM is asked, and that is not
BY_API_AND_ASKED = "mdm_api_ssh"  # and of one that is asked itself, after its MDM was given the profile
UNKNOWN_VERSION = "unknown"  # as the store has it
# What an MDM says of a profile, in the words of mac_profile.
_OF_MDM = {"installed": "installed", "removed": "removed"}

Result = Mapping[str, Any]
NOTHING: Result = {}


class Run:
    """The results of a run by host: of these hosts, or of those that the play site has named its fleet.

    `play` holds variables that the play itself or the command line sets. In check mode nobody was offered anything.
    """

    def __init__(
        self,
        hostvars: HostVars,
        hosts: Iterable[str] | None = None,
        play: Mapping[str, Any] | None = None,
        *,
        check: bool = False,
    ) -> None:
        self._hostvars = hostvars
        self._play = dict(play or {})
        self.check = check
        self.hosts: list[str] = list(hosts if hosts is not None else self.of_fleet("user_vpn_fleet") or ())
        self._told = {host: hostvars[host] for host in self.hosts}

    def require_beginning(self) -> None:
        """UserVpnError where the run was begun in the middle, so that nothing is known of its Macs."""
        if not self.with_result("user_vpn_fleet") and not self.with_result("revoke_macs"):
            raise UserVpnError(
                "This run was begun in the middle, with --start-at-task, so it does not know which Macs it is about: "
                "run it without. What is done already is not done again, and --tags takes single steps."
            )

    def of_fleet(self, name: str) -> Any:
        """What a task registered that ran once for all."""
        return next((value for value in (self._hostvars[host].get(name) for host in self._hostvars) if value), None)

    def client(self, host: str) -> str:
        """The client that a Mac is, in the store."""
        return client_of(host, self._told[host])

    def with_result(self, name: str) -> list[str]:
        """The Macs that have what a task registered for them or for all."""
        return [host for host in self._hostvars if self._hostvars[host].get(name) is not None]

    def entry(self, host: str) -> Result:
        """What mobileconfig returned for one Mac; empty where that has no profile."""
        results = (self.of(host, f"configure_client_{name}") for name in ("alone", "rendered"))
        found = next((macs[host] for macs in (each.get("macs", {}) for each in results) if host in macs), NOTHING)
        return found if isinstance(found, Mapping) else NOTHING

    def of(self, host: str, name: str) -> Result:
        """What a task registered for one Mac; empty where it did not run."""
        result = (self._told[host] if host in self._told else self._hostvars[host]).get(name)
        return result if isinstance(result, Mapping) and not result.get("skipped") else NOTHING

    def issued(self, host: str) -> Result:
        """What client_certificates returned for the client of one Mac."""
        clients = self.of(host, "certificates_issued").get("clients", NOTHING)
        found: Result = clients.get(client_of(host, self._hostvars[host]), NOTHING)
        return found

    def enrolled(self, host: str) -> str:
        """SHA-1 of the certificate that a Mac got by SCEP, as far as the store knows it."""
        clients = self.of(host, "certificates_enrolled").get("clients", NOTHING)
        found = clients.get(client_of(host, self._hostvars[host]), self.issued(host))
        return str(found.get("sha1") or "") if self.setting(host, "scep") and not found.get("failed") else ""

    def is_revoked(self, host: str) -> bool:
        """Whether the Mac got no certificate since its client was revoked."""
        issued = self.issued(host)
        return bool(issued.get("failed")) and issued.get("reason") == "revoked"

    def common_name(self, host: str) -> str:
        """In the certificate that the Mac has, or is to get; empty where nobody knows."""
        return str(self.entry(host).get("common_name") or self.issued(host).get("common_name") or "")

    def setting(self, host: str, name: str) -> Any:
        """A setting of one Mac: what the play says, or else its own."""
        if f"user_vpn_{name}" in self._play:
            return self._play[f"user_vpn_{name}"]
        return own(self._told[host] if host in self._told else self._hostvars[host], name)

    def switch(self, host: str, name: str) -> bool:
        return truth(self.setting(host, name), name)

    def delivered(self, host: str) -> Result:
        """What the Mac's own task said, of its profile or of the certificates in its keychain; or its MDM."""
        said = self.of(host, "configure_client_result") or self.of(host, "install_certificates_result")
        by_mdm = self.in_mdm(host, "configure_client_in_mdm")
        # Where both were asked, the Mac's own word counts; but what its MDM has refused, it cannot know of.
        refused = by_mdm.get("failed") and said.get("status") != "installed"
        return by_mdm if refused else said or by_mdm

    def is_by_mdm(self, host: str) -> bool:
        return bool(self.setting(host, "delivery") == "mdm")

    def in_mdm(self, host: str, name: str) -> Result:
        """What the MDM said of one Mac, as mac_profile would; empty where it was not asked."""
        alone = self.of(host, f"{name}_alone") if host in self._hostvars else NOTHING
        whole = alone or self.of_fleet(name) or {}
        if "macs" not in whole and not whole.get("skipped") and whole.get("msg"):
            return {"failed": True, "msg": whole["msg"]} if self.is_by_mdm(host) else NOTHING
        told = (whole.get("macs") or {}).get(host)
        if not told:
            return NOTHING
        state, seen = str(told["state"]), told.get("last_seen") or "never"
        return {
            "status": _OF_MDM.get(state, "mdm_required"),
            "failed": bool(told.get("failed")),
            "msg": told.get("msg") or f"The MDM says {state}; it last heard of the Mac: {seen}.",
            "identifier": str(self.entry(host).get("identifier") or self.setting(host, "identifier")),
            "serial_number": str(told.get("serial_number") or ""),
            "macos_version": str(told.get("macos_version") or ""),
            "profile_uuid": str(told.get("wanted_version") or ""),
            "profile": {"uuid": str(told.get("shown_version") or (UNKNOWN_VERSION if told.get("on_mac") else ""))},
        }


def has_failed(result: Result) -> bool:
    return bool(result.get("failed") or result.get("unreachable"))


def is_looked_at(entry: Result) -> bool:
    """Whether the Mac of this profile is asked; one without a profile has a task that says why."""
    return bool(entry.get("failed")) or entry.get("delivery") not in ("export", BY_API)
