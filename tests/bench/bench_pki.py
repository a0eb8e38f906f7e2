# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What client certificates cost: on one core and on all, and compared with making their RSA keys alone.

    python tests/bench/bench_pki.py [how many]

A client may cost 120 ms on one core, its key included; making the key takes half of that, with a large spread, so
several rounds are measured and the median counts.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.clients import Means, ensure_clients
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.database import Place, place_of
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.plan import Settings
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.requests import ClientRequest
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.roots import RootRequest, ensure_root
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509.keys import new_key

LIMIT = 120.0  # ms for one client on one core
ROUNDS = 3
PASSPHRASE = "passphrase of the bench"


def milliseconds(work: Callable[[], object]) -> tuple[float, float]:
    """Wall time and processor time."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000


def issue(place: Place, names: list[str]) -> None:
    requests = [ClientRequest(name) for name in names]
    outcome = ensure_clients(place, requests, Settings(), Means(passphrase=PASSPHRASE), now=datetime.now(UTC))
    if outcome.failures:
        raise SystemExit(outcome.failures)


def main(count: int) -> int:
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        place = place_of(str(Path(folder) / "pki.db"))
        ensure_root(place, RootRequest(passphrase=PASSPHRASE), now=datetime.now(UTC))

        os.sched_setaffinity(0, cores[:1])
        keys, one = [], []
        for number in range(ROUNDS):  # by turns, so that a busy machine disturbs both alike
            keys.append(milliseconds(lambda: [new_key(2048) for _unused in range(count)]))
            names = [f"one-{number}-{n}" for n in range(count)]
            one.append(milliseconds(lambda names=names: issue(place, names)))  # type: ignore[misc]
        os.sched_setaffinity(0, cores)
        many = [
            milliseconds(lambda r=r: issue(place, [f"all-{r}-{n}" for n in range(count)]))  # type: ignore[misc]
            for r in range(ROUNDS)
        ]
        again = milliseconds(lambda: issue(place, [f"all-{r}-{n}" for r in range(ROUNDS) for n in range(count)]))

    def median(times: list[tuple[float, float]], which: int) -> float:
        return statistics.median(t[which] for t in times) / count

    print(f"{count} clients, RSA 2048, median of {ROUNDS} rounds, ms per client (wall / processor)")
    print(f"  key alone, one core      {median(keys, 0):7.1f} / {median(keys, 1):6.1f}")
    print(f"  whole identity, one core {median(one, 0):7.1f} / {median(one, 1):6.1f}   limit {LIMIT:.0f}")
    print(f"  whole identity, {len(cores)} cores  {median(many, 0):7.1f} / {median(many, 1):6.1f}")
    print(f"  nothing to do            {again[0] / count / ROUNDS:7.2f} / {again[1] / count / ROUNDS:6.2f}")
    print(f"  ratio to the key alone   {median(one, 1) / median(keys, 1):7.2f}")
    return 0 if median(one, 1) <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
