# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every parser, over altered samples: our own error in one line or a result, never a traceback, a hang or much memory.

`make test` sees the same few examples of each each time, `make soak` many, and others each time.
"""

from __future__ import annotations

import ast
import os
import re
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import LONGEST, UserVpnError
from ansible_collections.vwan.user_vpn.tests.unit.fuzz.parsers import PARSERS, Parser

SOAK = bool(os.environ.get("USER_VPN_SOAK"))
EXAMPLES = 5_000 if SOAK else 100
SECONDS = 10.0  # of a processor, not of a clock: other tests run at the same time
MEMORY = 200 << 20
PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
MEASURED = Path("/proc/self/clear_refs").exists()


class Hang(BaseException):
    """Not an Exception, which somebody might catch."""


@contextmanager
def bounded() -> Iterator[None]:
    """AssertionError for what takes more than MEMORY, Hang for what takes more than SECONDS."""

    def stop(_signal: int, frame: FrameType | None) -> None:
        raise Hang(f"busy for more than {SECONDS} s, in {frame.f_code.co_qualname if frame else '?'}")

    usual = signal.signal(signal.SIGPROF, stop)
    before = resident("VmRSS")
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak counts from here (proc(5))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, usual)
    taken = resident("VmHWM") - before
    assert taken <= MEMORY, f"took {taken >> 20} MB"


def resident(what: str) -> int:
    """VmRSS (now) or VmHWM (at most) of this process, in bytes; 0 where the system does not tell."""
    if not MEASURED:
        return 0
    found = re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    return int(found[1]) * 1024 if found else 0


def outcome(parser: Parser, content: bytes) -> str:
    """What our error says; empty when there is none."""
    with warnings.catch_warnings(action="ignore"):
        try:
            parser.parse(content)
        except UserVpnError as error:
            said = str(error)
            assert said.isprintable() and said.endswith(".") and len(said) <= LONGEST, said
            return said
    return ""


@pytest.mark.parametrize("name", PARSERS)
def test_whatever_comes_is_read_or_named(name: str) -> None:
    parser = PARSERS[name]
    samples = parser.samples()
    assert "" in {outcome(parser, sample) for sample in samples}, "no sample is read as it is"

    @settings(
        max_examples=EXAMPLES // parser.cost,
        deadline=None,
        database=None,
        derandomize=not SOAK,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )
    @given(st.one_of(list(samples.values())))
    def run(content: bytes) -> None:
        with bounded():
            outcome(parser, content)

    run()


# --- the net itself ----------------------------------------------------------------------------------------------
def test_what_is_looked_for_is_found() -> None:
    def busy(_content: bytes) -> None:
        while True:
            pass

    with pytest.raises(Hang), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[__name__], "SECONDS", 0.2)
        with bounded():
            busy(b"")
    if MEASURED:
        with pytest.raises(AssertionError, match="took"), bounded():
            bytearray(os.urandom(1 << 20) * 300)
    with pytest.raises(AssertionError, match="two"):
        outcome(Parser("x", lambda _content: fail("two\nlines. And no end"), dict), b"")
    with pytest.raises(ZeroDivisionError):
        outcome(Parser("x", lambda _content: 1 // 0, dict), b"")


def fail(said: str) -> None:
    raise UserVpnError(said)


# What makes something of bytes or text, in Python and its libraries.
READING = {
    "loads", "read_json", "read_property_list", "ParserCreate", "ZipFile", "b64decode", "strptime", "fromisoformat",
    "parsedate_to_datetime", "urlsplit", "ip_address", "ip_network", "legible", "elements", "load_pkcs12",
    "load_key_and_certificates", "load_der_x509_certificate", "load_pem_x509_certificate", "load_pem_x509_certificates",
    "load_pem_x509_csr", "load_der_x509_csr", "load_pem_private_key", "load_der_private_key", "splitlines", "safe_load",
}  # fmt: skip

# Functions that do so with what is ours.
OURS = {
    ("_pki/backup.py", "_dump"): "the first line of what pg_dump says",
    ("_pki/plan.py", "options_in"): "what options_of has written",
    ("_x509/keys.py", "from_der"): "what to_der has written",
    ("_x509/text.py", "utc_moment"): "what utc_text has written",
}


def reading_functions() -> Iterator[tuple[str, str]]:
    """(file, function) of everything in plugins/module_utils and plugins/plugin_utils that calls one of READING."""
    for folder in ("module_utils", "plugin_utils"):
        for path in sorted((PLUGINS / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.FunctionDef) and READING & {*_called(node)}:
                    yield str(path.relative_to(PLUGINS / folder)), node.name


def _called(function: ast.AST) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            yield node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def test_no_parser_is_left_out() -> None:
    """Every function that reads something is run by the samples of some row: who adds one adds a row, or a sample."""
    run: set[tuple[str, str]] = set()

    def see(frame: FrameType, event: str, _argument: Any) -> None:
        _root, found, file = frame.f_code.co_filename.rpartition("_utils/")
        if event == "call" and found:
            run.add((file, frame.f_code.co_name))

    with warnings.catch_warnings(action="ignore"):
        for parser in PARSERS.values():
            for sample in parser.samples():
                sys.setprofile(see)
                try:
                    outcome(parser, sample)
                finally:
                    sys.setprofile(None)
    missing = sorted(set(reading_functions()) - run - set(OURS))
    assert not missing, "add a row or a sample to tests/unit/fuzz/parsers.py for " + ", ".join(map(str, missing))
    assert set(OURS) <= set(reading_functions()), "OURS names what is no more"
