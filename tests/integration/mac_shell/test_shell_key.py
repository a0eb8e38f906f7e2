# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The private key that is made on the Mac, and the terminal on which nothing happens."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.shell import Exec
from ansible_collections.vwan.user_vpn.tests.integration.lab import lab_samples as samples
from ansible_collections.vwan.user_vpn.tests.integration.lab.lab_samples import IDENTIFIER
from ansible_collections.vwan.user_vpn.tests.integration.mac_shell.shells import ARGUMENTS, MARK, Shell


def key_of(shell: Shell) -> Path:
    return shell.mac.home(shell.mac.accounts["root"]) / f"Library/Application Support/vwan.user_vpn/{IDENTIFIER}.key"


def modulus(shell: Shell, kind: str, content: str) -> str:
    return subprocess.run(
        ["openssl", kind, "-noout", "-modulus"], input=content, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("umask", [0o000])
def test_a_key_is_made_private_asked_about_and_dropped(each: Shell, umask: int) -> None:
    assert (each.run("csr").state.csr, each.run("csr").state.has_key) == ("", False)
    made = each.run("make_key", umask=umask, bits=2048).state
    key = key_of(each)
    assert (stat.S_IMODE(key.stat().st_mode), stat.S_IMODE(key.parent.stat().st_mode)) == (0o600, 0o700)
    assert made.has_key
    # A second tool: the request is signed, and is that of the key.
    shown = subprocess.run(
        ["openssl", "req", "-verify", "-noout", "-subject"], input=made.csr, capture_output=True, text=True, check=True
    )
    assert "CN = vwan.user_vpn" in shown.stdout
    assert modulus(each, "req", made.csr) == modulus(each, "rsa", key.read_text())
    assert (
        "2048 bit"
        in subprocess.run(
            ["openssl", "rsa", "-in", key, "-noout", "-text"], capture_output=True, text=True, check=True
        ).stdout
    )
    assert each.run("csr").state.csr == made.csr
    assert {start.argv[1] for start in each.starts("openssl")} == {"genrsa", "req"}
    again = each.run("make_key", umask=umask, bits=2048).state
    assert again.csr not in ("", made.csr)
    assert [path.name for path in key.parent.iterdir()] == [key.name]
    gone = each.run("drop_key").state
    assert (gone.csr, gone.has_key) == ("", False)
    assert not each.left()


def test_a_key_has_the_size_that_is_asked_for(shell: Shell) -> None:
    shell.run("make_key", bits=3072)
    assert len(modulus(shell, "rsa", key_of(shell).read_text())) == len("Modulus=\n") + 3072 // 4


def test_a_key_that_cannot_be_removed_is_said_and_not_called_gone(shell: Shell) -> None:
    key = key_of(shell)
    (key / "in the way").mkdir(parents=True)
    state = shell.run("drop_key").state
    assert (state.has_key, "irectory" in state.message) == (True, True)
    shell.mac.push_profile(samples.packed(samples.profile()))
    state = shell.run("know", uuid=samples.profile()["PayloadUUID"]).state
    assert (state.has_key, state.dropped) == (True, False)


def test_a_folder_that_was_open_is_closed(shell: Shell) -> None:
    key_of(shell).parent.mkdir(parents=True, mode=0o777)
    key_of(shell).parent.chmod(0o777)
    shell.run("make_key")
    assert stat.S_IMODE(key_of(shell).parent.stat().st_mode) == 0o700


def test_another_profiles_key_stays(shell: Shell) -> None:
    shell.run("make_key")
    other = key_of(shell).with_name("com.other.key")
    other.write_text("another one's")
    assert not shell.run("drop_key").state.has_key
    assert other.exists()


def test_a_key_that_cannot_be_made_is_said_and_the_old_one_stays(shell: Shell) -> None:
    before = shell.run("make_key").state.csr
    shell.mac.fail("openssl", 1, err="Generating RSA private key\nopenssl: no room\n")
    answer = shell.run("make_key")
    assert answer.state.message == "openssl: no room"
    assert [path.name for path in key_of(shell).parent.iterdir()] == [key_of(shell).name]
    shell.mac._failures.clear()
    assert shell.run("csr").state.csr == before


def test_why_there_is_no_request_is_said(shell: Shell) -> None:
    shell.run("make_key")
    shell.mac.fail("openssl", 1, err="unable to load Private Key\nmore\n")
    state = shell.run("csr").state
    assert (state.csr, state.message) == ("", "unable to load Private Key")


def test_a_folder_that_cannot_be_made_is_said(shell: Shell) -> None:
    (shell.mac.home(shell.mac.accounts["root"]) / "Library").write_text("a file where the folder should be")
    answer = shell.run("make_key")
    assert "mkdir" in answer.one("message")
    assert not answer.state.has_key


def test_nobody_else_can_read_a_key_while_it_is_made(shell: Shell) -> None:
    """LibreSSL makes its file by the umask."""
    seen: list[int] = []
    shell.mac.when(
        "openssl", lambda call: shell.mac.when("openssl", lambda call: seen.extend(
            stat.S_IMODE(path.stat().st_mode) for path in key_of(shell).parent.iterdir()
        ))
    )  # fmt: skip
    shell.run("make_key", umask=0)
    assert seen == [0o600]


def on_terminal(shell: Shell, command: list[str]) -> bytes:
    """What comes out of a pseudo-terminal."""
    master, slave = os.openpty()
    environment = shell.mac.environment(0)
    with subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    ) as child:
        os.close(slave)
        said = b""
        try:
            while part := os.read(master, 4096):
                said += part
        except OSError:  # EIO: the last process has closed it
            pass
        assert child.wait(60) == 0
    os.close(master)
    return said


def test_on_a_terminal_nothing_happens(each: Shell) -> None:
    for verb in ARGUMENTS:
        said = on_terminal(each, each.command(verb, b"secret"))
        assert said == f"terminal {MARK}\r\n".encode(), verb
    for verb, given in (("linger", {"seconds": 60}), ("evidence", {"minutes": 60, "left": 1, "run": MARK})):
        command = [*each.words, *Exec(verb, given).command(MARK)[1:]]
        assert on_terminal(each, command) == f"terminal {MARK}\r\n".encode()
    assert not each.mac.starts


@pytest.mark.parametrize("identifier", ["com.contoso.user_vpn", "Contoso-VPN", "Contoso VPN"])
def test_a_key_lies_under_any_identifier_that_apple_takes(each: Shell, identifier: str) -> None:
    each.identifier = identifier
    made = each.run("make_key", bits=2048)
    assert (made.stderr, made.state.has_key) == ("", True)
    (key,) = key_of(each).parent.iterdir()
    assert key.name == f"{identifier}.key"
    assert each.run("csr").state.csr == made.state.csr
    assert not each.run("drop_key").state.has_key
    assert not each.left()
