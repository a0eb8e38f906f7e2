# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets no identity, and why: revoked Macs, two Macs with one name, a clock that is wrong.

Second tools: openssl as the gateway, sqlite3.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.azure_site import azure_site
from ansible_collections.vwan.user_vpn.tests.integration.pki.fleets import Fleet, failed, reasons, said
from ansible_collections.vwan.user_vpn.tests.integration.pki.stores import SqliteStore

MACS = {"mac1": "15.5", "mac2": "14.4"}


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with azure_site(tmp_path, **MACS) as site:
        yield Fleet(site, SqliteStore(tmp_path / "user_vpn.db"))


def due(days: int) -> dict[str, Any]:
    """All that was issued for fewer days is renewed, what is issued now is not."""
    return {"certificates_client_valid_days": days, "user_vpn_renew_before_days": days - 1}


def test_revoked_stays_revoked(fleet: Fleet) -> None:
    """A stolen Mac that a dynamic inventory still lists, night after night, until somebody lets it in again."""
    site = fleet.site
    fleet.run()
    had = {name: fleet.on_mac(name) for name in MACS}
    site.lab.macs["mac2"].offline()
    fleet.revoke("mac2", "stolen, case 4711")
    assert site.refused == {had["mac2"]}
    site.lab.macs["mac2"].online()
    for playbook in ("vwan.user_vpn.site", "vwan.user_vpn.renew", "vwan.user_vpn.site"):
        night = fleet.play(playbook)
        assert failed(night) <= {"mac2"}, night.output
        if playbook.endswith("site"):
            assert failed(night) == {"mac2"}
            [(when,)] = fleet.store.rows("SELECT time FROM events WHERE what = 'revoked'")
            assert f"mac2 was revoked at {when}: stolen, case 4711." in said(night)
            assert "user_vpn_readmit" in said(night)
        assert fleet.states("mac2") == ["revoked"]
        assert (fleet.on_mac("mac1"), site.refused) == (had["mac1"], {had["mac2"]})
        assert fleet.accepted() == {"mac1"}
    back = fleet.run(user_vpn_readmit=["mac2"])
    assert reasons(back)["mac2"] == "readmitted"
    assert fleet.states("mac2") == ["revoked", "issued"]
    assert fleet.accepted() == set(MACS)
    assert site.refused == {had["mac2"]}
    assert fleet.store.rows("SELECT client FROM events WHERE what = 'readmitted'") == [("mac2",)]
    assert fleet.run(user_vpn_readmit=["mac2"]).changed() == set()
    # whoever is stolen again is revoked again, though the name stays in the variable's history
    fleet.revoke("mac2", "stolen again")
    assert failed(fleet.play()) == {"mac2"}


@pytest.mark.soak
def test_two_macs_under_one_name(fleet: Fleet) -> None:
    site = fleet.site
    site.host_variables = {name: {"user_vpn_client_name": "anna"} for name in MACS}
    fleet.run(user_vpn_hosts="mac1")
    first = fleet.on_mac("mac1")
    seen = fleet.run(user_vpn_hosts="mac2")
    assert fleet.on_mac("mac2") == first
    serials = {row[0] for row in fleet.store.rows("SELECT DISTINCT serial_number FROM deliveries")}
    assert len(serials) == 2
    assert all(serial in said(seen) for serial in serials), seen.output

    # before anything is issued from then on; and nobody is locked out
    site.lab.macs["mac2"].offline()
    stopped = fleet.play(user_vpn_hosts="mac1", **due(366))
    assert failed(stopped) == {"mac1"}, stopped.output
    assert "2 Macs have the identity of anna" in said(stopped)
    assert fleet.states("anna") == ["issued"]
    assert site.refused == set()
    assert fleet.accepted() == set(MACS)

    # the Mac that is scrapped does not count any more
    [(serial,)] = fleet.store.rows("SELECT DISTINCT serial_number FROM deliveries WHERE host = 'mac2'")
    fleet.ledger("forgotten", serial_number=serial)
    fleet.run(user_vpn_hosts="mac1", **due(366))
    assert fleet.on_mac("mac1") != first
    assert fleet.states("anna") == ["revoked", "issued"]


@pytest.mark.soak("-6")
@pytest.mark.parametrize("minutes", [6, -6])
def test_a_clock_that_is_not_azures(fleet: Fleet, minutes: int) -> None:
    """Nothing is issued, no Mac contacted, nothing written; what needs no new certificate goes on."""
    site = fleet.site
    apart = timedelta(minutes=1.08 * minutes)  # so that a second more or less does not matter
    site.azure.set_clock(datetime.now(UTC) + apart)
    stopped = fleet.play()
    assert stopped.returncode != 0
    way = "behind" if minutes > 0 else "ahead of"
    assert f"The clock of this controller is {abs(minutes)} minutes {way} Azure's" in said(stopped), stopped.output
    assert site.azure.writes == []
    assert not fleet.store.path.exists() if isinstance(fleet.store, SqliteStore) else True
    assert all(mac.execs == [] for mac in site.lab.macs.values())

    site.azure.set_clock(datetime.now(UTC) + apart / 2)
    fleet.run()
    site.azure.set_clock(datetime.now(UTC) + apart)
    assert fleet.run().changed() == set()
    late = fleet.play(**due(366))
    assert late.returncode != 0
    assert "The clock of this controller is" in said(late)
    assert [fleet.states(name) for name in MACS] == [["issued"]] * 2
    assert fleet.accepted() == set(MACS)


@pytest.mark.soak
@pytest.mark.parametrize("days", [400, 200])
def test_a_clock_far_ahead_heals(fleet: Fleet, days: int) -> None:
    """Azure cannot be asked, or its clock is believed: what was issued then is not valid yet when it is back."""
    site = fleet.site
    fleet.run()
    first = {name: fleet.on_mac(name) for name in MACS}
    fleet.ahead = timedelta(days=days)
    site.azure.set_clock(datetime.now(UTC) + fleet.ahead)
    fleet.run(**due(366))
    wrong = {name: fleet.on_mac(name) for name in MACS}
    assert set(wrong.values()).isdisjoint(first.values())
    assert fleet.accepted() == set()

    fleet.ahead = timedelta()
    site.azure.set_clock(datetime.now(UTC))
    healed = fleet.run()
    assert reasons(healed) == dict.fromkeys(MACS, "not_yet_valid")
    assert fleet.accepted() == set(MACS), healed.output
    assert {fleet.on_mac(name) for name in MACS} <= fleet.known()
    assert fleet.run().changed() == set()
