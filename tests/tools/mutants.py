# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plants small faults, one at a time, in a copy of the tree, and tells which of them no test notices.

    make mutants MUTANTS="--area azure --number 20 --seed 1"

The seed chooses among all faults that could be planted, so the same tree and seed give the same ones. What no test can
notice by its nature (documentation, the wording of messages, annotations) is not planted. At the end are a table of the
areas and every survivor with its place and difference; the same is in .mutants.txt, with the test that caught each of
the others: a test that fails by chance has caught nothing.

Why not a well-kept tool: mutmut 3 finds no code that the tests cover, because it takes a module's name from its path,
and ours is below ansible_collections by a link only. cosmic-ray works, but knows operators and numbers only: no call is
dropped, no line removed, no `return` emptied. Neither knows sh and YAML.
"""

from __future__ import annotations

import argparse
import difflib
import os
import queue
import random
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from mutants_edits import python_edits, sh_edits, yaml_edits

from ansible_collections.vwan.user_vpn.tests.tools import tree

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = ".venv/collections/ansible_collections/vwan/user_vpn"
RESULTS = ROOT / ".mutants.txt"
EDITS = {".py": python_edits, ".sh": sh_edits, ".yml": yaml_edits}
COPIES = 2
SECONDS = 1800  # for one step: a fault that makes the tests hang is noticed, and a busy machine is not taken for one
TIMES = count(1_000_000_000)

# Area -> files -> the tests that concern them, in steps, the quickest first. A file belongs to the first pattern that
# fits it. Patterns that fit no file and tests that are no more do not matter.
UNIT = "tests/unit"
ACTION = " ".join(
    f"tests/unit/test_{name}.py" for name in ("action", "constraints", "files", "secrets", "text", "errors")
)
SITE = "tests/integration/test_site.py"
ON_MAC = " ".join(f"tests/integration/test_{name}.py" for name in ("offer", "macs", "on_mac_key"))
CONNECTION = "tests/integration/test_connection.py"
SHELL = "tests/integration/mac_shell"
KEYCHAIN = "tests/integration/test_keychain.py"
EVIDENCE = "tests/integration/test_evidence.py"
SDK = "tests/integration/azure"
AZURE = f"{SDK} tests/integration/test_site_azure.py"
ISSUING = "tests/unit/pki/test_pki_csr.py tests/unit/pki/test_pki_root.py"
PKI = "tests/integration/pki tests/integration/test_own_pki.py tests/integration/test_ledger.py"
FLEET = " ".join(f"tests/integration/test_{name}.py" for name in ("emergency", "years", "rotation", "time_travel"))
INPUT = "tests/integration/test_bad_input.py tests/integration/test_secrets.py"
QUICK = ("tests/unit", "tests/tools", SDK, SHELL)  # without playbooks
ROLES = (
    "tests/tools/check_roles.py",
    "tests/unit/test_roles.py tests/unit/test_playbooks.py tests/unit/test_conditions.py",
)
AREAS: dict[str, dict[str, tuple[str, ...]]] = {
    "package": {"plugins/module_utils/_package/*.py": ("tests/unit/package", UNIT)},
    "azure": {
        "plugins/module_utils/_azure/*.py": ("tests/unit/azure", SDK, UNIT, "tests/integration/test_site_azure.py")
    },
    "mobileconfig": {"plugins/module_utils/_mobileconfig/*.py": ("tests/unit/mobileconfig", UNIT, SITE)},
    "x509": {"plugins/module_utils/_x509/*.py": (f"tests/unit/x509 {ISSUING}", UNIT, PKI)},
    "pki": {"plugins/module_utils/_pki/*.py": ("tests/unit/pki tests/unit/store", UNIT, PKI, FLEET)},
    "fleet": {
        "plugins/module_utils/_fleet/*.py": ("tests/unit/fleet", UNIT, FLEET, CONNECTION),
        "plugins/module_utils/_page/*.py": ("tests/unit/fleet/test_fleet_page.py", UNIT, FLEET),
    },
    "mac": {"plugins/module_utils/_mac/*.py": ("tests/unit/mac", UNIT, f"{ON_MAC} {CONNECTION} {KEYCHAIN} {SITE}")},
    "actions": {
        "plugins/action/mac_certificate.py": (f"tests/unit/mac {ACTION}", UNIT, KEYCHAIN),
        "plugins/action/mac_connection.py": (f"tests/unit/mac {ACTION}", UNIT, CONNECTION),
        "plugins/action/mac_evidence.py": (f"tests/unit/mac {ACTION}", UNIT, EVIDENCE),
        "plugins/action/mac_*.py": (f"tests/unit/mac {ACTION}", UNIT, ON_MAC, SITE),
        "plugins/action/mobileconfig.py": (f"tests/unit/mobileconfig {ACTION}", UNIT, SITE, ON_MAC),
        "plugins/action/*certificate*.py": (f"{ACTION} tests/unit/pki", UNIT, AZURE, SITE, PKI, FLEET),
        "plugins/action/ledger*.py": (f"{ACTION} tests/unit/pki", UNIT, PKI, FLEET),
        "plugins/action/*.py": (f"{ACTION} tests/unit/package", UNIT, AZURE, SITE),
        "plugins/plugin_utils/_azure*.py": (ACTION, UNIT, AZURE),
        "plugins/plugin_utils/_*.py": (f"{ACTION} tests/unit/mac", UNIT, f"{CONNECTION} {ON_MAC} {SITE}", AZURE),
        "plugins/filter/*.py": ("tests/unit/fleet", UNIT, FLEET, CONNECTION),
        "plugins/module_utils/*.py": (f"{ACTION} tests/unit/mobileconfig", UNIT, SITE, INPUT),
    },
    "sh": {
        "plugins/**/[!e]*.sh": ("tests/unit/mac", SHELL, f"{ON_MAC} {CONNECTION} {KEYCHAIN}"),
    },
    "evidence": {"plugins/**/evidence.sh": ("tests/unit/mac", EVIDENCE)},
    "roles": {
        "roles/certificates/*/*.yml": (*ROLES, f"tests/integration/test_own_pki.py {FLEET} {ON_MAC} {AZURE}", INPUT),
        "roles/install_certificates/*/*.yml": (*ROLES, KEYCHAIN, SITE, INPUT),
        "roles/profile_package/*/*.yml": (*ROLES, "tests/integration/test_site_azure.py", SITE, INPUT),
        "roles/configure_client/*/*.yml": (*ROLES, f"{SITE} {ON_MAC}", INPUT),
        "roles/connect/*/*.yml": (*ROLES, CONNECTION, AZURE, INPUT),
        "roles/revoke/*/*.yml": (*ROLES, FLEET, KEYCHAIN, INPUT),
        "roles/report/*/*.yml": (*ROLES, FLEET, INPUT),
        "playbooks/evidence.yml": (EVIDENCE,),
        "playbooks/[!d]*.yml": (*ROLES, f"{SITE} {FLEET} {CONNECTION} {KEYCHAIN} {AZURE}", INPUT),
    },
}


@dataclass(frozen=True)
class Fault:
    path: str
    kind: str
    before: str
    after: str
    steps: tuple[str, ...]

    def __str__(self) -> str:
        lines = list(difflib.unified_diff(self.before.splitlines(), self.after.splitlines(), lineterm="", n=0))
        number = re.findall(r"\d+", lines[2])[0]
        return "\n    ".join([f"{self.path}:{number} {self.kind}", *lines[3:]])


def faults(area: str) -> Iterator[Fault]:
    """All that could be planted in an area."""
    seen: set[Path] = set()
    for pattern, steps in AREAS[area].items():
        for path in sorted(set(ROOT.glob(pattern)) - seen):
            seen.add(path)
            text = path.read_text(encoding="utf-8")
            for kind, start, end, new in EDITS[path.suffix](text) if path.parent.name != "meta" else ():
                after = text[:start] + new + text[end:]
                if after != text:
                    yield Fault(str(path.relative_to(ROOT)), kind, text, after, steps)


def is_quick(step: str) -> bool:
    return all(test.startswith(QUICK) for test in step.split())


def choose(area: str, number: int, seed: int) -> list[Fault]:
    """Each kind has its turn, so that the frequent ones do not take it all."""
    chance = random.Random(f"{seed} {area}")
    kinds: dict[str, list[Fault]] = {}
    for fault in faults(area):
        kinds.setdefault(fault.kind, []).append(fault)
    turns = []
    for same in kinds.values():
        chance.shuffle(same)
        turns += [(turn, chance.random(), fault) for turn, fault in enumerate(same)]
    return [fault for _turn, _chance, fault in sorted(turns, key=lambda turn: turn[:2])[:number]]


class Copy:
    """A tree of its own, with its own link below ansible_collections."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tree.copy(folder)
        (folder / COLLECTION).parent.mkdir(parents=True)
        (folder / COLLECTION).symlink_to(folder)
        (folder / "t").mkdir()

    def plant(self, fault: Fault) -> str:
        """What caught the fault; empty when nothing did."""
        self._write(fault.path, fault.after)
        try:
            return next(filter(None, map(self.run, fault.steps)), "")
        finally:
            self._write(fault.path, fault.before)

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")
        moment = next(TIMES)  # or Python takes what it compiled from another text of the same second and size
        os.utime(self.folder / name, (moment, moment))

    def run(self, step: str, tries: int = 3) -> str:
        """The first test that fails; empty when all pass."""
        tests = [test for test in step.split() if (self.folder / test.partition("::")[0]).exists()]
        if not tests:
            return ""
        collections = str(self.folder / ".venv/collections")
        environment = os.environ | {
            "ANSIBLE_COLLECTIONS_PATH": collections,
            "ANSIBLE_HOME": str(self.folder / "t/ansible"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": collections,
            "PYTHONPYCACHEPREFIX": str(self.folder / "t/pycache"),
            "TMPDIR": str(self.folder / "t"),
        }
        pytest = [] if tests[0].startswith("tests/tools/") else ["-m", "pytest", "-x", "-q", "--tb=no"]
        with tempfile.TemporaryFile("w+") as output:
            process = subprocess.Popen(
                [sys.executable, *pytest, *tests],
                cwd=self.folder / COLLECTION,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                return f"no end within {SECONDS} s: {step}"
            finally:
                end(process)
            if code in (-signal.SIGTERM, -signal.SIGKILL) and tries > 1:  # somebody has ended it: that says nothing
                return self.run(step, tries - 1)
            output.seek(0)
            failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - |$)", output.read(), re.MULTILINE)
        return "" if code == 0 else failed[1] if failed else f"exit status {code}: {step}"


def end(process: subprocess.Popen[bytes]) -> None:
    """Also what a run that hangs has started. Fixtures may tidy up first."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description="Plants small faults and tells which of them no test notices.")
    parser.add_argument("--area", action="append", choices=AREAS, help="this one only; more than once for several")
    parser.add_argument("--number", type=int, default=20, help="of faults in each area")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="without playbooks: more survive, in minutes")
    parser.add_argument("--list", action="store_true", help="show the faults and plant none")
    options = parser.parse_args()
    chosen = {area: choose(area, options.number, options.seed) for area in options.area or AREAS}
    if options.quick:
        for area, planted in chosen.items():
            chosen[area] = [replace(fault, steps=tuple(filter(is_quick, fault.steps))) for fault in planted]
    if options.list:
        print(*(fault for planted in chosen.values() for fault in planted), sep="\n")
        return 0

    with (
        tempfile.TemporaryDirectory(prefix="mut") as scratch,
        ThreadPoolExecutor(COPIES) as pool,
        RESULTS.open("w", encoding="utf-8") as results,
    ):
        Path(scratch).chmod(0o755)  # some tests act as another account
        free: queue.Queue[Copy] = queue.Queue()
        for number in range(COPIES):
            free.put(Copy(Path(scratch, str(number))))

        def tell(text: str) -> None:
            print(text, flush=True)
            print(text, file=results, flush=True)

        def on_a_copy(what: Fault | str) -> str:
            copy = free.get()
            try:
                return copy.run(what) if isinstance(what, str) else copy.plant(what)
            finally:
                free.put(copy)

        steps = {step: None for planted in chosen.values() for fault in planted for step in fault.steps}
        broken = list(filter(None, pool.map(on_a_copy, steps)))
        if broken:
            tell(f"These tests fail without any fault, so nothing was planted: {', '.join(broken)}")
            return 1
        survivors: list[Fault] = []
        table = [f"{'area':<16}planted  caught  survived"]
        for area, planted in chosen.items():
            missed = []
            for fault, caught in zip(planted, pool.map(on_a_copy, planted), strict=True):
                tell(f"{'caught' if caught else 'SURVIVED'} {fault}" + f"\n    by {caught}" * bool(caught))
                missed += [] if caught else [fault]
            survivors += missed
            table.append(f"{area:<16}{len(planted):>7}{len(planted) - len(missed):>8}{len(missed):>10}")
        tell("\n".join(["", *table, "", "Survivors:", *map(str, survivors)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
