# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""stage and remove: the profile reaches the person whole and private, and nothing of it stays, whatever happens."""

from __future__ import annotations

import base64
import os
import plistlib
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.lab import lab_samples as samples
from ansible_collections.vwan.user_vpn.tests.integration.mac_shell.shells import BASH, MARK, PANE, Answer, Shell, until
from ansible_collections.vwan.user_vpn.tests.lab.calls import Call

NewShell = Callable[..., Shell]


def gone(shell: Shell) -> None:
    """Await what the exec has left running: then nothing of ours is on the disk."""
    until(lambda: not shell.left())


RAW = samples.packed(samples.profile())
UUID = samples.profile()["PayloadUUID"]
# A signed profile is no text: it has NUL bytes, no last line feed, and what a shell would take for an end.
BINARY = b"\x30\x82\0\r\n\x04\x1a\xff\\n%s\n\n"


def opened(shell: Shell) -> dict[str, Any]:
    """Everything about the staged file at the moment when it is opened."""
    seen: dict[str, Any] = {}

    def look(call: Call) -> None:
        path = call.argv[-1].removeprefix(str(shell.mac.disk))
        seen.update(path=path, content=shell.mac.host_path(path, "/").read_bytes(), modes=shell.modes(path))
        seen.update(user=call.user.name, session=call.session, argv=call.argv, home=call.env["HOME"])
        seen["note"] = {path: content for path, content in shell.mac.files() if path.endswith(".staged")}

    shell.mac.when("open", look)
    return seen


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_person_gets_the_profile_whole_and_private(new_shell: NewShell, umask: int) -> None:
    shell = new_shell(BASH if umask == 0 and Path(BASH[0]).exists() else ("/bin/sh",))
    seen = opened(shell)
    answer = shell.run("stage", RAW, umask=umask, uuid=UUID)
    assert (answer.code, answer.stderr) == (0, "")
    assert answer.one("stage") == "opened"
    assert seen["path"] == f"/Users/anna/Library/Caches/vwan.user_vpn/{MARK}/{samples.IDENTIFIER}.mobileconfig"
    assert seen["content"] == RAW
    assert seen["modes"] == [("anna", 0o600), ("anna", 0o700), ("anna", 0o700)]
    anna = shell.mac.accounts["anna"]
    assert (seen["user"], seen["session"], seen["home"]) == ("anna", anna.uid, shell.home("anna"))
    assert seen["argv"][1] == PANE
    # The note says whose folder it is and which run cleans up.
    ((note, content),) = seen["note"].items()
    assert note == f"/private/var/root/Library/Caches/vwan.user_vpn/{MARK}.staged"
    owner, process = content.decode().splitlines()
    assert (owner, process.isdecimal()) == ("anna", True)
    assert (answer.one("offered_to"), answer.state.offered_to) == ("anna", "anna")
    gone(shell)


@pytest.mark.parametrize("identifier", ["com.contoso.user_vpn", "Contoso-VPN", "Contoso VPN"])
def test_a_profile_comes_and_goes_under_any_identifier_that_apple_takes(each: Shell, identifier: str) -> None:
    each.identifier = identifier
    each.mac.person = "ignores"
    seen = opened(each)
    raw = samples.packed(samples.profile() | {"PayloadIdentifier": identifier})
    assert each.run("stage", raw, uuid=UUID).one("stage") == "opened"
    assert seen["path"].endswith(f"/{MARK}/{identifier}.mobileconfig")
    assert seen["content"] == raw
    each.mac.approve()
    assert each.run("know").state.shows(UUID, "System")
    gone(each)
    assert each.run("remove").state.profile() is None
    assert [start.argv[2:] for start in each.starts("profiles", "remove")] == [["-identifier", identifier, "-forced"]]
    assert each.mac.refusals == []


def test_no_byte_of_a_signed_profile_is_lost(each: Shell) -> None:
    seen = opened(each)
    each.run("stage", BINARY, uuid="X")
    assert seen["content"] == BINARY
    gone(each)


def test_one_at_the_screen_who_runs_it_herself_needs_no_sudo(shell: Shell) -> None:
    seen = opened(shell)
    shell.mac.fail("launchctl", 1, err="Could not switch to audit session\n")
    shell.mac.fail("sudo", 1, err="sudo: a password is required\n")
    answer = shell.run("stage", RAW, user="anna", scope="User", uuid=UUID)
    assert (seen["user"], seen["content"]) == ("anna", RAW)
    # The lab's `open` wants the session; a Mac's sshd starts one's own processes outside it, too.
    assert answer.one("stage") == "cannot_open"
    assert not shell.left()


@pytest.mark.parametrize("short", [1, 1000, 7000])
def test_what_arrives_cut_off_is_not_opened(shell: Shell, short: int) -> None:
    answer = shell.run("stage", RAW[:-short], length=len(RAW), uuid=UUID)
    assert answer.state.stage == "cut_off"
    assert not shell.starts("open")
    assert not shell.left()


def test_what_comes_after_the_profile_is_not_read(shell: Shell) -> None:
    seen = opened(shell)
    shell.run("stage", RAW + b"more", length=len(RAW), ends=False, uuid=UUID)
    assert seen["content"] == RAW


def test_nobody_at_the_screen(new_shell: NewShell) -> None:
    shell = new_shell(console_user=None)
    answer = shell.run("stage", RAW, uuid=UUID)
    assert answer.one("stage") == "no_console_user"
    assert not shell.starts("sudo")
    assert not shell.left()


@pytest.mark.parametrize("owner", ["root", "anna"])
def test_a_folder_that_cannot_be_written(shell: Shell, owner: str) -> None:
    """Without its note nothing is staged, and without the profile the note goes."""
    (shell.mac.home(shell.mac.accounts[owner]) / "Library").write_text("a file where the folder should be")
    answer = shell.run("stage", RAW, uuid=UUID)
    assert answer.one("stage") == "cannot_write"
    assert "Library" in answer.one("message") and "Not a directory" in answer.one("message")
    assert not shell.starts("open")
    assert not shell.left()


def test_a_note_that_cannot_be_written_leaves_nothing(shell: Shell) -> None:
    note = shell.mac.home(shell.mac.accounts["root"]) / f"Library/Caches/vwan.user_vpn/{MARK}.staged"
    note.mkdir(parents=True)  # a folder in its place
    answer = shell.run("stage", RAW, uuid=UUID)
    assert answer.one("stage") == "cannot_write"
    assert answer.one("message").lower().endswith(f"{MARK}.staged: is a directory")
    assert not [path for path, _content in shell.mac.files() if "mobileconfig" in path]


def test_a_refusal_to_open_is_said_and_nothing_stays(shell: Shell) -> None:
    shell.mac.fail("open", 1, err="LSOpenURLsWithRole() failed with error -10810.\nmore\n")
    answer = shell.run("stage", RAW, uuid=UUID)
    assert answer.one("stage") == "cannot_open"
    assert answer.one("message") == "LSOpenURLsWithRole() failed with error -10810."
    assert not shell.left()


# -- afterwards ------------------------------------------------------------------------------------------------------


def remover(shell: Shell) -> int:
    """The process that takes the staged file away."""
    ((_path, content),) = [(path, content) for path, content in shell.mac.files() if path.endswith(".staged")]
    return int(content.split()[-1])


def waits(process: int) -> int:
    """The `sleep` of that process."""
    listed = subprocess.run(["ps", "-A", "-o", "ppid=,pid=,args="], capture_output=True, text=True, check=True).stdout
    found = [line.split() for line in listed.splitlines()]
    (number,) = [int(pid) for parent, pid, *words in found if parent == str(process) and words[-1:] == ["600"]]
    return number


def wake(shell: Shell) -> None:
    """The time is over: nobody waits ten minutes here."""
    os.kill(waits(remover(shell)), signal.SIGTERM)


def staged(shell: Shell) -> list[str]:
    return [path for path, _content in shell.mac.files() if path.endswith(".mobileconfig")]


def test_the_exec_ends_when_the_pane_was_opened_and_the_file_goes_later(
    new_shell: NewShell, words: tuple[str, ...]
) -> None:
    """The pane has its copy by then, although nobody has waited."""
    shell = new_shell(words, person="ignores", copy_after=1)
    answer = shell.run("stage", RAW, uuid=UUID, settle=600)
    assert (answer.code, answer.one("stage"), answer.stderr) == (0, "opened", "")
    assert staged(shell)
    until(shell.mac.pending_profile)
    wake(shell)
    gone(shell)
    assert shell.run("know").all("leftover") == []


def test_whoever_hangs_up_does_not_end_what_takes_the_file_away(new_shell: NewShell, words: tuple[str, ...]) -> None:
    shell = new_shell(words, person="ignores")
    shell.run("stage", RAW, uuid=UUID, settle=600)
    process = remover(shell)
    for number in (process, waits(process)):
        os.kill(number, signal.SIGHUP)
    assert staged(shell)
    assert waits(process)
    wake(shell)
    gone(shell)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_ends_it_makes_it_hurry(new_shell: NewShell, words: tuple[str, ...], number: int) -> None:
    """As a Mac that shuts down sends one to every process, `sleep` among them."""
    shell = new_shell(words, person="ignores")
    shell.run("stage", RAW, uuid=UUID, settle=600)
    process = remover(shell)
    os.kill(process, number)
    os.kill(waits(process), signal.SIGTERM)
    gone(shell)


def test_the_next_look_leaves_the_file_to_what_takes_it_away(new_shell: NewShell, words: tuple[str, ...]) -> None:
    shell = new_shell(words, person="ignores")
    shell.run("stage", RAW, uuid=UUID, settle=600)
    assert shell.run("know").all("leftover") == []
    assert staged(shell)
    wake(shell)
    gone(shell)


def test_the_next_look_takes_the_file_away_where_that_was_killed(new_shell: NewShell, words: tuple[str, ...]) -> None:
    shell = new_shell(words, person="ignores")
    shell.run("stage", RAW, uuid=UUID, settle=600)
    os.kill(remover(shell), signal.SIGKILL)
    assert shell.run("know", check=1).state.leftover == "anna"
    assert staged(shell)
    assert shell.run("know").state.leftover == "anna"
    assert not shell.left()
    assert shell.run("know").all("leftover") == []


def test_runs_take_away_what_is_theirs_and_nothing_else(new_shell: NewShell) -> None:
    """One is offered again, to somebody else, before the file of the first offer is gone."""
    shell = new_shell(person="ignores", users=("anna", "ben"))
    shell.run("stage", RAW, uuid=UUID, settle=600)
    first = remover(shell)
    shell.mac.console_user = "ben"
    shell.run("stage", RAW, uuid=UUID, settle=600, mark="fedcba9876543210")
    assert [path.split("/")[2] for path in staged(shell)] == ["anna", "ben"]
    os.kill(waits(first), signal.SIGTERM)
    until(lambda: sum(path.endswith(".staged") for path in shell.left()) == 1)
    assert [path.split("/")[2] for path in staged(shell)] == ["ben"]
    os.kill(remover(shell), signal.SIGKILL)
    assert shell.run("know").state.leftover == "ben"
    assert not shell.left()


def test_it_holds_on_to_no_connection(new_shell: NewShell, words: tuple[str, ...]) -> None:
    """sshd ends a session when nobody has its pipes open any more."""
    shell = new_shell(words, person="ignores")
    with shell.start("stage", RAW, uuid=UUID, settle=600) as child:
        assert child.stdout and child.stderr and child.stdin
        child.stdout.read(), child.stderr.read()
        assert staged(shell)
        child.stdin.close()
        assert child.wait(60) == 0
    wake(shell)
    gone(shell)


# -- interrupted -----------------------------------------------------------------------------------------------------


def while_it_opens(shell: Shell, act: Callable[[int], None]) -> int:
    """The end of a run to which something happens in the moment when the pane is opened."""
    with shell.start("stage", RAW, uuid=UUID, settle=600) as child:
        shell.mac.when("open", lambda call: act(child.pid))
        child.communicate(timeout=60)
        return child.returncode


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing(new_shell: NewShell, words: tuple[str, ...], number: int) -> None:
    shell = new_shell(words, person="ignores")
    assert while_it_opens(shell, lambda pid: os.kill(pid, number)) == 129
    assert not shell.left()


def test_a_connection_that_is_lost_leaves_nothing(new_shell: NewShell, words: tuple[str, ...]) -> None:
    """Nobody reads any more: the next line that is written ends the run."""
    shell = new_shell(words, person="ignores")
    with shell.start("stage", RAW, uuid=UUID, settle=600) as child:
        answer = child.stdout
        assert answer
        shell.mac.when("open", lambda call: answer.close())
        assert child.wait(60) == 129
        assert not shell.left()


@pytest.mark.parametrize("moment", ["sudo", "launchctl"])
def test_a_signal_at_any_moment_leaves_nothing(new_shell: NewShell, moment: str) -> None:
    shell = new_shell(person="ignores")
    with shell.start("stage", RAW, uuid=UUID, settle=600) as child:
        shell.mac.when(moment, lambda call: os.kill(child.pid, signal.SIGTERM))
        assert child.wait(60) == 129
        assert not shell.left()


def test_a_connection_that_is_lost_afterwards_leaves_it_to_what_takes_the_file_away(
    new_shell: NewShell, words: tuple[str, ...]
) -> None:
    shell = new_shell(words, person="ignores")
    with shell.start("stage", RAW, uuid=UUID, settle=600) as child:
        # `know` comes after the offer.
        shell.mac.when("sw_vers", lambda call: os.killpg(child.pid, signal.SIGHUP))
        assert child.wait(60) == 129
    assert staged(shell)
    wake(shell)
    gone(shell)


def test_a_run_that_was_killed_is_cleaned_up_by_the_next(new_shell: NewShell, words: tuple[str, ...]) -> None:
    shell = new_shell(words, person="ignores")
    shell.mac.kill_exec_when("open")
    killed = shell.run("stage", RAW, uuid=UUID)
    assert killed.code == -signal.SIGKILL
    assert any(path.endswith(".mobileconfig") for path in shell.left())
    assert shell.run("know").state.leftover == "anna"
    assert not shell.left()


# -- with a private key of the Mac's own -----------------------------------------------------------------------------


def pem(name: str = "mac-anna") -> str:
    der = samples.der(samples.certificate(name))
    return f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----\n"


TOKEN = "kABCDEFGHIJKLMNOPQRSTUVWXYZ01234"


def unfinished() -> bytes:
    """The certificate, and a profile with the token where PKCS#12 and password belong."""
    profile = samples.profile()
    profile["PayloadContent"][1] |= {"PayloadContent": base64.b64decode(TOKEN), "Password": TOKEN}
    return pem().encode() + plistlib.dumps(profile)


def put_key(shell: Shell, key: Any) -> Path:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    folder = shell.mac.home(shell.mac.accounts["root"]) / "Library/Application Support/vwan.user_vpn"
    folder.mkdir(parents=True, mode=0o700)
    path = folder / f"{samples.IDENTIFIER}.key"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    path.chmod(0o600)
    return path


def complete(shell: Shell, stdin: bytes = b"", **more: Any) -> Answer:
    options = {"uuid": UUID, "token": TOKEN, "name": "mac-anna 1234ABCD"} | more
    return shell.run("stage", stdin or unfinished(), **options)


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_a_profile_is_completed_on_the_mac(new_shell: NewShell, umask: int) -> None:
    shell = new_shell(BASH if umask == 0 and Path(BASH[0]).exists() else ("/bin/sh",))
    key = put_key(shell, samples.key(1))
    seen = opened(shell)
    beside: list[list[tuple[str, int]]] = []
    shell.mac.when("openssl", lambda call: beside.append(shell.modes(f"{shell.mac.mac_path(key)[:-4]}.key.pem")))
    answer = complete(shell, umask=umask)
    assert answer.one("stage") == "opened"
    assert beside[0][0][1] == 0o600
    payload = plistlib.loads(seen["content"])["PayloadContent"][1]
    assert TOKEN.encode() not in seen["content"]
    # A second tool opens it.
    container, password = shell.lab.folder / f"{shell.mac.name}.p12", payload["Password"]
    container.write_bytes(payload["PayloadContent"])
    shown = subprocess.run(
        ["openssl", "pkcs12", "-legacy", "-in", container, "-nodes", "-passin", f"pass:{password}"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "friendlyName: mac-anna 1234ABCD" in shown
    assert "CN = mac-anna" in shown
    assert len(password) == 40
    assert not any(password in word for argv in shell.mac.processes for word in argv)
    assert password not in answer.stdout
    until(lambda: [path for path in shell.left() if "Application Support" not in path] == [])


def test_the_key_stays_until_the_profile_is_seen_installed(new_shell: NewShell, words: tuple[str, ...]) -> None:
    shell = new_shell(words, person="ignores")
    key = put_key(shell, samples.key(1))
    answer = complete(shell)
    assert (answer.one("key"), answer.all("dropped")) == ("1", [])
    until(shell.mac.pending_profile)
    waiting = shell.run("know", uuid=UUID)
    assert (waiting.one("key"), waiting.all("dropped")) == ("1", [])
    shell.mac.approve()
    # Neither check mode nor who has another profile in mind takes it away.
    for given in ({"check": 1, "uuid": UUID}, {"uuid": "another"}, {"uuid": ""}):
        other = shell.run("know", **given)
        assert (other.one("key"), other.all("dropped")) == ("1", [])
    assert [path.name for path in key.parent.iterdir()] == [key.name]
    seen = shell.run("know", uuid=UUID)
    assert (seen.state.has_key, seen.state.dropped) == (False, True)
    assert seen.state.profile("System")
    assert not key.parent.exists()
    assert shell.run("know", uuid=UUID).all("dropped") == []
    gone(shell)


def test_who_approves_before_the_exec_ends_has_her_key_taken_away_at_once(shell: Shell) -> None:
    put_key(shell, samples.key(1))
    shell.mac.push_profile(RAW)
    answer = complete(shell)
    assert (answer.all("key"), answer.one("dropped")) == (["1"], "1")  # seen, and then taken away
    gone(shell)


@pytest.mark.parametrize("short", [2, 3000])
def test_of_a_certificate_or_profile_cut_off_nothing_is_made(shell: Shell, short: int) -> None:
    key = put_key(shell, samples.key(1))
    answer = complete(shell, unfinished()[:-short], length=len(unfinished()))
    assert answer.state.stage == "cut_off"
    assert not shell.starts("openssl")
    assert not shell.starts("open")
    assert [path.name for path in key.parent.iterdir()] == [key.name]
    assert [path for path in shell.left() if "Application Support" not in path] == []


@pytest.mark.parametrize("how", ["another key", "no key", "openssl fails"])
def test_a_profile_that_cannot_be_completed_is_not_opened(shell: Shell, how: str) -> None:
    if how != "no key":
        put_key(shell, samples.key(0 if how == "another key" else 1))
    if how == "openssl fails":
        shell.mac.fail("openssl", 1, err="openssl: no\n")
    answer = complete(shell)
    assert answer.one("stage") == "cannot_complete"
    said = {"another key": "matches private key", "no key": ".key.pem: ", "openssl fails": "openssl: no"}
    assert said[how] in answer.one("message")
    assert not shell.starts("open")
    assert [path for path in shell.left() if not path.endswith((f"{samples.IDENTIFIER}.key", "vwan.user_vpn"))] == []


def test_apples_own_openssl_serves(shell: Shell) -> None:
    """One that somebody has put first into PATH is not asked: it may be anything, and this may be root."""
    put_key(shell, samples.key(1))
    complete(shell)
    assert {start.argv[0] for start in shell.starts("openssl")} == {"openssl"}
    assert {start.user for start in shell.starts("openssl")} == {"root"}
    for verb in ("stage", "csr", "make_key"):
        (text,) = [word for word in shell.command(verb, b"") if "act()" in word]
        assert "/usr/bin/openssl" in text
        assert " openssl " not in text.replace("/usr/bin/openssl ", "")


# -- remove ----------------------------------------------------------------------------------------------------------


def test_a_profile_goes_from_the_system_or_from_the_user(shell: Shell) -> None:
    shell.mac.person = "ignores"
    shell.mac.download(RAW, "anna")
    shell.mac.approve()
    assert shell.run("know").state.profiles
    answer = shell.run("remove")
    assert answer.all("message") == []
    assert answer.state.profiles == ()
    assert [start.argv[2:] for start in shell.starts("profiles", "remove")] == [
        ["-identifier", samples.IDENTIFIER, "-forced"]
    ]
    shell.mac.download(samples.packed(samples.profile(PayloadScope="User")), "anna")
    shell.mac.approve()
    assert shell.run("know", scope="User").state.profiles
    answer = shell.run("remove", scope="User")
    assert answer.state.profiles == ()
    assert not shell.mac.installed_profiles()


def test_with_the_profile_goes_a_key_that_lies_there_and_only_with_it(shell: Shell) -> None:
    key = put_key(shell, samples.key(1))
    shell.mac.push_profile(RAW)
    assert shell.run("remove").one("key") == "1"
    assert key.exists()
    shell.mac.remove_profile(samples.IDENTIFIER)
    shell.mac.person = "ignores"
    shell.mac.download(RAW, "anna")
    shell.mac.approve()
    assert shell.run("remove").all("key") == []
    assert not shell.left()


def install_for(shell: Shell, *users: str, **more: Any) -> None:
    """As a person approves it in each of these accounts."""
    shell.mac.person = "ignores"
    for user in users:
        shell.mac.download(samples.packed(samples.profile(PayloadScope="User", **more)), user)
        shell.mac.approve()


@pytest.mark.parametrize("seated", ["anna", "cleo", None])
def test_a_users_profile_goes_from_each_account_that_has_it(new_shell: NewShell, seated: str | None) -> None:
    shell = new_shell(users=("anna", "ben", "cleo"), console_user=seated)
    install_for(shell, "anna", "ben")
    shell.mac.push_profile(RAW)
    state = shell.run("know", scope="User").state
    assert [each.user for each in state.elsewhere] == ["ben"] if seated == "anna" else ["anna", "ben"]
    answer = shell.run("remove", scope="User")
    assert (answer.all("message"), answer.state.profiles, answer.state.elsewhere) == ([], (), ())
    assert [profile["scope"] for profile in shell.mac.installed_profiles()] == ["System"]


def test_without_root_only_ones_own_profile_goes(new_shell: NewShell) -> None:
    shell = new_shell(users=("anna", "ben"))
    install_for(shell, "anna", "ben")
    shell.run("remove", scope="User", user="anna")
    assert [profile["user"] for profile in shell.mac.installed_profiles()] == ["ben"]


def test_one_account_that_keeps_it_is_said(new_shell: NewShell) -> None:
    shell = new_shell(users=("anna", "ben"))
    install_for(shell, "anna")
    install_for(shell, "ben", PayloadRemovalDisallowed=True)
    answer = shell.run("remove", scope="User")
    assert answer.one("message") == f"profiles: the profile '{samples.IDENTIFIER}' is not removable"
    assert [each.user for each in answer.state.elsewhere] == ["ben"]


@pytest.mark.parametrize("scope", ["System", "User"])
def test_a_removal_that_fails_without_a_word_has_its_status_for_a_reason(shell: Shell, scope: str) -> None:
    install_for(shell, "anna")

    def fail(call: Call) -> None:
        shell.mac.when("profiles", lambda call: shell.mac.fail("profiles", 7))

    if scope == "User":
        shell.mac.when("profiles", fail)
    else:
        shell.mac.fail("profiles", 7)
    assert shell.run("remove", scope=scope).one("message") == "exit status 7"


def test_the_reason_of_a_refused_removal_is_passed_on(shell: Shell) -> None:
    shell.mac.push_profile(RAW)
    answer = shell.run("remove")
    assert answer.one("message") == f"profiles: the profile '{samples.IDENTIFIER}' is not removable"
    assert answer.state.profile("System")
