# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: why a gateway refused a Mac, concluded from the ledger and from Azure.

The Mac itself is told nothing but AUTHENTICATION_FAILED (RFC 7296, 2.21.2).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .._x509.text import bare

Json = Mapping[str, Any]


def likely_cause(identities: Collection[str], ledger: Json, configurations: Sequence[Json]) -> str:
    """One sentence with a remedy.

    identities      SHA-1 of the certificates on the Mac whose private key is there, as `_mac.answer.facts` returns them
    ledger          as `telling.tell` returns it; empty when there is none
    configurations  the User VPN configurations that may be meant, as `configurations.summary` returns them; empty when
                    Azure was not asked or did not answer
    """
    there = set(map(bare, identities))
    known = [item for item in ledger.get("certificates", []) if item["kind"] == "client" and item["sha1"] in there]
    if not known:
        return "The ledger does not know the certificate on this Mac: bring it a profile with the playbook site."
    certificate = max(known, key=lambda item: str(item["not_after"]))  # an older one may lie beside it
    return _in_the_ledger(certificate) or _in_azure(certificate, configurations)


def _in_the_ledger(certificate: Json) -> str:
    name = f"The certificate on this Mac ({certificate['sha1']})"
    if certificate["state"] == "revoked":
        return (
            f"{name} was revoked at {certificate['since']} ({certificate['why']}): run the playbook site, which brings "
            "a new one, if this Mac is to connect."
        )
    if certificate["days_left"] < 0:
        return f"{name} ended at {certificate['not_after']}: run the playbook renew, which brings a new one."
    return ""


def _in_azure(certificate: Json, configurations: Sequence[Json]) -> str:
    sha1, root = certificate["sha1"], certificate["root_sha1"]
    names = ", ".join(str(configuration["name"]) for configuration in configurations)
    if not configurations:
        return (
            f"The certificate on this Mac is valid, and Azure was not asked or did not answer: see that the User VPN "
            f"configuration trusts the root {root} and does not refuse {sha1}; if so, the profile's LocalIdentifier is "
            "not the name in the certificate, and the profile has to be rendered and installed again."
        )
    if any(sha1 == entry["thumbprint"] for item in configurations for entry in item["revoked"]):
        return (
            f"Azure refuses the certificate on this Mac: {sha1} is among the revoked certificates of {names}. Run the "
            "playbook revoke with it, and then site, for a new one; or take it off that list."
        )
    trusted = [entry for item in configurations for entry in item["roots"] if entry["sha1"] == root]
    if not root:
        return (
            f"The certificate on this Mac ({sha1}) comes from another CA, and {names} does not refuse it: see that "
            "Azure trusts the root of that CA, and that the name by which the Mac introduces itself is among its "
            "alternative names."
        )
    if not trusted:
        return (
            f"Azure does not trust the root of the certificate on this Mac: {root} is not among the roots of {names}. "
            "Run the playbook site, which lets Azure trust the current root and moves this Mac to it."
        )
    if all(entry["status"] != "ok" for entry in trusted):
        return (
            f"The root of the certificate on this Mac, {root}, is {trusted[0]['status']} in {names}: run the playbook "
            "site, which repairs a broken one, or make a new root with user_vpn_root_generation."
        )
    return (
        f"The certificate on this Mac is valid, and {names} trusts its root and does not refuse it: so the profile's "
        "LocalIdentifier is probably not the name in the certificate; remove the profile and run the playbook site. "
        "After a change in Azure, wait some minutes until its gateways have taken it."
    )
