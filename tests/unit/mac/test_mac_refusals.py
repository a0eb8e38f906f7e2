# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a gateway refused a Mac, of which the Mac knows nothing."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.refusals import likely_cause
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.disconnects import CAUSES, IKEV2, PLUGIN, refused

LEAF, OLD, ROOT, OTHER = "1" * 40, "2" * 40, "A" * 40, "B" * 40


def ledger(**certificate: Any) -> dict[str, Any]:
    held = {
        "kind": "client",
        "sha1": LEAF,
        "root_sha1": ROOT,
        "state": "issued",
        "since": "2026-11-22T12:00:00Z",
        "why": "missing",
        "not_after": "2027-11-22T12:00:00Z",
        "days_left": 364,
    }
    old = held | {"sha1": OLD, "state": "revoked", "not_after": "2026-12-01T12:00:00Z"}
    return {"certificates": [held | {"kind": "root", "sha1": ROOT}, old, held | certificate]}


def azure(name: str = "macs", roots: str = ROOT, status: str = "ok", revoked: tuple[str, ...] = ()) -> dict[str, Any]:
    thumbprints = [{"name": "x", "thumbprint": sha1} for sha1 in revoked]
    return {"name": name, "roots": [{"sha1": roots, "status": status}], "revoked": thumbprints}


@pytest.mark.parametrize(
    ("certificate", "configurations", "said"),
    [
        ({"state": "revoked", "why": "stolen"}, [azure()], "was revoked at 2026-11-22T12:00:00Z (stolen)"),
        ({"days_left": -1}, [azure()], "ended at 2027-11-22T12:00:00Z"),
        ({}, [azure(revoked=(OTHER, LEAF))], f"{LEAF} is among the revoked certificates of macs"),
        ({}, [azure(roots=OTHER)], f"{ROOT} is not among the roots of macs"),
        ({"state": "superseded"}, [azure(roots=OTHER)], f"{ROOT} is not among the roots of macs"),
        ({}, [azure(status="broken")], f"{ROOT}, is broken in macs"),
        ({"days_left": 0}, [azure(revoked=(OTHER,))], "LocalIdentifier is probably not the name in the certificate"),
        ({}, [], f"trusts the root {ROOT} and does not refuse {LEAF}"),
    ],
)
def test_one_cause_is_named(certificate: dict[str, Any], configurations: list[dict[str, Any]], said: str) -> None:
    sentence = likely_cause([LEAF, OLD, OTHER], ledger(**certificate), configurations)
    assert said in sentence
    causes = ("was revoked", "ended at", "among the revoked", "not among the roots", "is broken", "is probably not")
    assert sum(cause in sentence for cause in causes) == (1 if configurations else 0)


def test_of_several_configurations_one_that_trusts_it_is_enough() -> None:
    several = [azure("windows", roots=OTHER), azure()]
    assert "LocalIdentifier is probably" in likely_cause([LEAF, OLD, OTHER], ledger(), several)
    assert "roots of linux, windows" in likely_cause(
        [LEAF, OLD, OTHER], ledger(), [azure("linux", OTHER), azure("windows", OTHER)]
    )


@pytest.mark.parametrize("identities", [[], [OTHER], [ROOT]])
def test_a_mac_whose_certificate_nobody_knows(identities: list[str]) -> None:
    for known in (ledger(), {}, {"failed": True, "msg": "no store"}):
        assert "The ledger does not know the certificate on this Mac" in likely_cause(identities, known, [azure()])


def test_which_ends_are_refusals() -> None:
    found = {(domain, code) for domain, code in CAUSES if refused(f"{domain} {code}")}
    assert found == {(PLUGIN, 23), (IKEV2, 3)}
    assert refused("Plugin initiated") and refused("Authentication failed")
    assert not any(refused(text) for text in ("", "Negotiation with the server failed", "nonsense 3", f"{PLUGIN} 3"))
