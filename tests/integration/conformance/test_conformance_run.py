# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A double against a double: equal ones are silent, planted differences are named; replays; nothing is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.shell import Exec, script
from ansible_collections.vwan.user_vpn.tests.conformance import half, materials, transcript
from ansible_collections.vwan.user_vpn.tests.conformance.forms import FORMS
from ansible_collections.vwan.user_vpn.tests.conformance.half import HalfError, Script
from ansible_collections.vwan.user_vpn.tests.conformance.run import Heards, conduct, double_of, heard, replay
from ansible_collections.vwan.user_vpn.tests.conformance.sides import Double
from ansible_collections.vwan.user_vpn.tests.conformance.transcript import DIFFERS, SAME, SKIPPED, TELLS
from ansible_collections.vwan.user_vpn.tests.integration.conformance.asked import missing_options, missing_shapes
from ansible_collections.vwan.user_vpn.tests.integration.mac_shell.shells import PANE, Shell, until
from ansible_collections.vwan.user_vpn.tests.lab import Lab, Mac, macos
from ansible_collections.vwan.user_vpn.tests.lab.inventory import ssh_options

Maker = Callable[..., Double]
#: One or two of each kind, for what is asked several times.
KINDS = (
    "pgrep: ", "dscl: a record", "uuidgen", "defaults: an", "plutil: -lint", "release", "security: a keychain",
    "security: import a", "security: delete the", "profiles: remove what",
)  # fmt: skip
SOME = [form for form in FORMS if form.name.startswith(KINDS)]
RELEASES = [pytest.param(release, marks=pytest.mark.soak) for release in macos.RELEASES]


@dataclass
class Run:
    """A whole run of one double against another, with somebody at the Mac."""

    mac: Mac
    found: transcript.Transcript


def left(mac: Mac) -> list[str]:
    """Everything of a conformance run on a Mac's disk; and no keychain of its own is known any more."""
    files = [str(path) for path in mac.disk.rglob("*") if "vwan.user_vpn" in path.name]
    return files + list(mac.keychain_passwords)


@pytest.fixture(scope="module", params=RELEASES)
def run(request: pytest.FixtureRequest, new_mac: Maker) -> Run:
    mac = new_mac(request.param)
    return Run(mac.mac, conduct(mac, new_mac(request.param), guided=lambda _ask: True))


def test_equal_ones_are_silent(run: Run) -> None:
    found = run.found
    assert [(entry.name, entry.reasons) for entry in found.entries if entry.verdict == DIFFERS] == []
    assert [entry.name for entry in found.entries] == [form.name for form in FORMS]
    assert found.left_behind == ()
    skipped = {entry.name for entry in found.entries if entry.verdict == SKIPPED}
    assert skipped <= {
        "sudo: a password is required", "shortcuts: list", "shortcuts: no such shortcut",
        "security: a right is protected",
    }  # fmt: skip
    assert {entry.verdict for entry in found.entries} >= {SAME, TELLS}
    assert run.mac.faults == []
    assert not run.mac.installed_profiles()
    # What forms left running for a second ends by itself.
    until(lambda: not left(run.mac))
    for entry in found.entries:
        said = "" if entry.mac is None else "\n".join((*entry.mac.out, *entry.mac.err))
        assert "the double of" not in said, entry


def test_a_transcript_tells_nobody(run: Run) -> None:
    text = run.found.text()
    for name in ("anna", run.mac.name, run.mac.serial, run.mac.hardware_uuid, str(run.mac.disk), "PRIVATE KEY"):
        assert name not in text
    assert not re.search(
        r"[A-Za-z0-9+/]{65}", text.replace("/System/Library/Frameworks/NetworkExtension.framework", "")
    )


@pytest.fixture(scope="module")
def asked(new_mac: Maker) -> Mac:
    """A double that was asked everything, but for the long lists of openssl's options."""
    double = new_mac()
    said = heard(double, [form for form in FORMS if not form.name.startswith("openssl: options of")])
    assert {name for name, answer in said.items() if isinstance(answer, str)} == {"sudo: a password is required"}
    assert double.mac.faults == []
    return double.mac


def test_every_option_of_every_double_is_asked(asked: Mac) -> None:
    assert missing_options(asked) == []


def test_every_command_of_our_sh_is_a_form(asked: Mac, lab: Lab) -> None:
    """All verbs on another Mac: what they start there, forms have started here."""
    mac = lab.add_mac("lab-mac-verbs", vpnutil=True, approve_after=0.01, copy_after=0.01)
    shell = Shell(lab, mac, ("/bin/sh",), materials.IDENTIFIER)
    made = materials.make()
    root = subprocess.run(["base64", "-w0"], input=made.files["root.cer"], capture_output=True, check=True).stdout
    identity = subprocess.run(["base64", "-w0"], input=made.files["client.p12"], capture_output=True, check=True).stdout
    password = str(made.variables["password"]).encode()
    for scope in ("System", "User"):
        shell.run("know", uuid="x", scope=scope)
        shell.run("look", root + b"\n", name="vwan", scope=scope)
        coming = b'cer - %s\np12 %s %s "%s"\n' % (root, password, identity, materials.CLIENT.encode())
        unlock = b"password of anna\n" if scope == "User" else b"\n"
        shell.run("change", unlock + coming, scope=scope)
        shell.run("change", unlock, going=f"certificate:{'A' * 40} identity:{'B' * 40}", scope=scope)
        shell.run("stage", made.files["plain.mobileconfig"], scope=scope)
        until(mac.installed_profiles)
        for how in ("vpnutil", "shortcut", "on_demand"):
            shell.run("connect", how=how, name="vwan.user_vpn conformance", limit=1, probe="192.0.2.1", scope=scope)
            shell.run("disconnect", how=how, name="vwan.user_vpn conformance", scope=scope)
        shell.run("remove", scope=scope)
    for verb in ("make_key", "csr", "drop_key"):
        shell.run(verb)
    assert missing_shapes(mac, asked) == []


# -- planted differences -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("on_the_mac", [False, True], ids=["double", "Mac"])
def test_planted_differences_are_found_and_named(new_mac: Maker, on_the_mac: bool) -> None:
    mac, double = new_mac(), new_mac()
    other = mac if on_the_mac else double
    other.mac.fail("pgrep", 3)
    other.mac.fail("dscl", 0, out=" UniqueID: 0\n")
    other.mac.fail("uuidgen", 0, out="6005052A-3A34-59E3-815F-5CEBBA3097EB\nmore\n")
    other.mac.fail("defaults", 255, out="Command line interface to a user's defaults.\n")
    other.mac.fail("plutil", 1, err="plutil: unrecognized option: -lint\n")
    found = conduct(mac, double, forms=SOME)
    told = {entry.name: entry.reasons for entry in found.entries if entry.verdict == DIFFERS}
    this = "Mac" if on_the_mac else "double"
    codes = "3 on the Mac, 1 on the double" if on_the_mac else "1 on the Mac, 3 on the double"
    streams = ("standard output", "standard error") if on_the_mac else ("standard error", "standard output")
    expected = {
        "pgrep: none": f"the exit code is {codes}",
        "dscl: a record": "a column has moved in line 1 of standard output",
        "uuidgen": f"the {this} says 1 line more on standard output",
        "defaults: an unknown verb": f"the Mac says it on {streams[0]}, the double on {streams[1]}",
        "plutil: -lint": f"the {this} refuses what the {'double' if on_the_mac else 'Mac'} takes",
    }
    for name, reason in expected.items():
        assert any(reason in each for each in told[name]), (name, told[name])
    planted = ("pgrep", "dscl", "uuidgen", "defaults", "plutil")
    assert not [name for name in told if not name.startswith(planted)]
    assert "! differs: a column has moved in line 1 of standard output" in found.text()


# -- replays -----------------------------------------------------------------------------------------------------------


NONE_YET = pytest.mark.skip("no real Mac has been asked: put what `make conformance` writes into tests/lab/transcripts")


@pytest.mark.parametrize("path", transcript.committed() or [pytest.param(Path("none"), marks=NONE_YET)], ids=str)
def test_what_real_macs_have_said_the_doubles_say(path: Path) -> None:
    found = transcript.read(path.read_text(encoding="utf-8"))
    assert path.stem == found.release
    with double_of(found.release) as double:
        assert replay(found, double) == []


def test_a_replay_holds_a_double_to_a_transcript(new_mac: Maker, tmp_path: Path) -> None:
    """There is no real one yet: this one is a double's own, and goes with the test."""
    path = tmp_path / "15.5.txt"
    path.write_text(conduct(new_mac(), new_mac(), forms=SOME).text())
    assert transcript.committed(tmp_path) == [path]
    found = transcript.read(path.read_text())
    assert replay(found, new_mac(), SOME) == []
    drifted = new_mac()
    drifted.mac.fail("dscl", 0, out="UniqueID:  0\n")
    assert replay(found, drifted, SOME) == ["dscl: a record: a column has moved in line 1 of standard output"]
    # What was asked otherwise then proves nothing now.
    other = [replace(form, command=f"{form.command};") if form.name == "dscl: a record" else form for form in SOME]
    assert replay(found, drifted, other) == []


# -- nothing is left ---------------------------------------------------------------------------------------------------


def begun(lab: Lab, double: Double, forms: list[str]) -> tuple[Script, subprocess.Popen[bytes]]:
    """A half that runs on a Mac, by real ssh, up to its last form, which does not end by itself."""
    chosen = [form for form in FORMS if form.name in forms]
    hangs = replace(chosen[0], name="hangs", command=": > begun; sleep 60")
    sent = half.forms_script(list(enumerate([*chosen, hangs])), {"root.cer": b"x"}, {"keychain_password": "k"})
    command = [*lab.ssh_command(double.mac), " ".join(["/bin/sh", "-s", *sent.words])]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert child.stdin
    child.stdin.write(sent.text.encode())
    child.stdin.close()
    until(lambda: list(double.mac.disk.rglob("begun")))
    return sent, child


@pytest.mark.parametrize("how", ["cut", "ended", "killed"])
def test_nothing_is_left_of_a_run_that_is_killed(lab: Lab, new_mac: Maker, how: str) -> None:
    double = new_mac()
    heards = Heards(double, materials.make())
    before = heards.look()
    sent, child = begun(lab, double, ["security: a keychain of its own"])
    assert double.mac.keychain_passwords
    record = double.mac.execs[-1]
    if how == "cut":
        child.kill()
    else:
        record.signal(signal.SIGTERM if how == "ended" else signal.SIGKILL)
    child.wait(30)
    if how == "killed":
        assert left(double.mac)
    if how == "ended":
        until(lambda: not left(double.mac))
    # The look at the end of a run ends what still goes on, and takes away what is left.
    heards.mark = sent.mark
    assert heards.look() == before
    assert left(double.mac) == []
    assert double.mac.faults == []


def test_a_run_that_lives_is_left_alone(lab: Lab, new_mac: Maker) -> None:
    double = new_mac()
    _sent, child = begun(lab, double, ["security: a keychain of its own"])
    record = double.mac.execs[-1]
    Heards(double, materials.make()).look()
    assert left(double.mac)
    record.signal(signal.SIGTERM)
    child.wait(30)
    until(lambda: not left(double.mac))


def test_what_is_left_is_told(new_mac: Maker) -> None:
    mac, double = new_mac(), new_mac()
    mac.mac.when("pgrep", lambda call: call.mac.push_profile(materials.make().files["plain.mobileconfig"]))
    found = conduct(mac, double, forms=[form for form in SOME if form.name.startswith("pgrep")])
    assert any(line.startswith("+ profiles: ") for line in found.left_behind)
    assert "# left behind: + profiles: " in found.text()


def test_a_form_that_hangs_is_ended(new_mac: Maker) -> None:
    double = new_mac()
    forms = [replace(SOME[0], name="hangs", command="sleep 60", root=False), replace(SOME[0], name="after", root=False)]
    sent = half.forms_script(list(enumerate(forms)), {}, {"limit": 1})
    said = half.read(double.send(sent), sent.mark).said
    assert said[0].status == half.TIMED_OUT
    assert said[1].status == 0


def test_a_verb_of_ours_is_whole_when_it_arrives(new_mac: Maker) -> None:
    """Forms run our scripts from files; what lies there is what `Exec` sends."""
    double = new_mac()
    form = replace(SOME[0], command="cat know.sh", root=False, where="")
    sent = half.forms_script([(0, form)], materials.make().files, {})
    assert (
        half.read(double.send(sent), sent.mark).said[0].out.decode()
        == script("know")
        == Exec("know", {}).command("m")[2]
    )


# -- as a user does it -------------------------------------------------------------------------------------------------


def conformance(lab: Lab, destination: str, port: int, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    ssh = " ".join(["ssh", *ssh_options(lab), "-i", str(lab.client_key), "-p", str(port)])
    module = "ansible_collections.vwan.user_vpn.tests.conformance"
    words = [sys.executable, "-m", module, destination, "--guided", "no", "--folder", str(folder), *more]
    environment = os.environ | {"SSH": ssh}
    return subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("release", "only"), [("15.5", "base64: "), ("12.7", "sw_vers: "), ("26.1", ""), ("11.7", "")])
@pytest.mark.soak("26.1-", "11.7-")
def test_by_ssh_as_a_user_does_it(lab: Lab, new_mac: Maker, tmp_path: Path, release: str, only: str) -> None:
    mac = new_mac(release).mac
    done = conformance(lab, "admin@127.0.0.1", mac.port, tmp_path, "--only", only)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"macOS {release} ({mac.release.build}), with root\n")
    (path,) = tmp_path.iterdir()
    assert path.name == (f"part-{release}.txt" if only else f"{release}.txt")
    found = transcript.read(path.read_text())
    assert found.facts["reached"] == "by ssh"
    wanted = [form.name for form in FORMS if form.name.startswith(only)]
    assert [entry.name for entry in found.entries] == wanted
    if not only:
        assert "skipped: guided: a profile is offered: it needs a person at the Mac" in done.stdout
    until(lambda: not left(mac))
    assert mac.execs
    assert mac.faults == []


def test_who_cannot_be_reached_is_said_in_one_line(lab: Lab, new_mac: Maker, tmp_path: Path) -> None:
    mac = new_mac().mac
    mac.offline()
    done = conformance(lab, "admin@127.0.0.1", mac.port, tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("admin@127.0.0.1: ssh says: ")
    assert list(tmp_path.iterdir()) == []


def test_without_root_the_forms_that_need_it_are_skipped(lab: Lab, tmp_path: Path) -> None:
    mac = lab.add_mac("lab-mac-password", sudo="password")
    done = conformance(lab, "admin@127.0.0.1", mac.port, tmp_path, "--only", "profiles: ")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", without root\n" in done.stdout
    assert "skipped: profiles: tool: it needs root, or sudo without a password" in done.stdout


@pytest.mark.skipif(
    sys.platform == "darwin", reason="this machine is a Mac, which answers itself: it runs on any other"
)
def test_this_machine_is_no_mac(lab: Lab, tmp_path: Path) -> None:
    done = conformance(lab, "localhost", 0, tmp_path)
    assert done.returncode == 2
    assert "this is no Mac" in done.stderr


def test_a_release_without_a_double_is_said() -> None:
    with pytest.raises(HalfError, match=r"the lab knows no macOS 10\.15.*tests/lab/macos\.py"), double_of("10.15"):
        pass


def test_the_pane_is_that_of_our_table() -> None:
    (form,) = [form for form in FORMS if form.name == "guided: a profile is offered"]
    assert PANE in form.command
