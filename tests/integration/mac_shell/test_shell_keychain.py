# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""look and change: a keychain is asked and filled, and nothing of a key stays beside it, whatever happens."""

from __future__ import annotations

import base64
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.lab import lab_samples as samples
from ansible_collections.vwan.user_vpn.tests.integration.mac_shell.shells import MARK, Shell, until
from ansible_collections.vwan.user_vpn.tests.lab.calls import Call
from ansible_collections.vwan.user_vpn.tests.lab.keychain import Item

NewShell = Callable[..., Shell]
ROOT, OTHER = (samples.der(samples.certificate(name, name)) for name in ("Root", "Root 2"))
LEAF = samples.der(samples.certificate("mac-anna"))
OLD = samples.der(samples.certificate("mac-anna", days=20))
LABEL = '"mac-anna 12"'
ONCE = "0123456789abcdef0123456789abcdef"
SYSTEM = "/Library/Keychains/System.keychain"


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def roots(*found: bytes) -> bytes:
    return "".join(f"{text(der)}\n" for der in found).encode() or b"\n"


def coming(*, password: str = "", root: bool = True, identity: bool = True) -> bytes:
    rows = [password]
    rows += [f"cer - {text(ROOT)}"] if root else []
    rows += [f"p12 {ONCE} {text(samples.identity(password=ONCE))} {LABEL}"] if identity else []
    return "".join(f"{row}\n" for row in rows).encode()


def sha1(der: bytes) -> str:
    return Item(der).sha1


def put(shell: Shell, der: bytes, *, key: bool = False, keychain: str = "system") -> str:
    shell.mac.keychains[keychain].append(Item(der, b"key" if key else None))
    return sha1(der)


def names(shell: Shell, keychain: str = "system") -> list[tuple[str, bool]]:
    return [(str(item["sha1"]), bool(item["has_key"])) for item in shell.mac.keychain(keychain)]


# -- look ------------------------------------------------------------------------------------------------------------


def test_certificates_of_the_name_are_told_whole_and_trust_by_its_number(each: Shell) -> None:
    put(each, LEAF, key=True)
    put(each, OLD, key=True)
    put(each, ROOT)
    each.mac.trusted["admin"].add(Item(ROOT).sha256)
    state = each.run("look", roots(OTHER, ROOT), name="mac-anna").state
    assert set(state.named) == {text(LEAF), text(OLD)}
    assert state.trusted == {1}
    assert state.identities == {sha1(LEAF), sha1(OLD)}
    assert not each.left()
    assert not list((each.mac.disk / "private/var/folders").rglob("vwan*"))


def test_without_a_name_no_certificate_is_told(shell: Shell) -> None:
    put(shell, LEAF, key=True)
    answer = shell.run("look", roots())
    assert answer.all("named") == []
    assert answer.all("trusted") == []
    assert not shell.starts("security", "verify-cert")


def test_trust_is_that_of_whom_the_keychain_belongs_to(shell: Shell) -> None:
    put(shell, ROOT, keychain="anna")
    shell.mac.trusted["anna"] = {Item(ROOT).sha256}
    assert shell.run("look", roots(ROOT)).state.trusted == frozenset()
    assert shell.run("look", roots(ROOT), scope="User").state.trusted == {0}
    users = {(start.user, start.home) for start in shell.starts("security", "verify-cert")}
    assert users == {("root", shell.home("root")), ("anna", shell.home("anna"))}


def test_a_root_is_looked_at_in_a_private_folder_that_goes_at_once(each: Shell) -> None:
    seen: list[list[tuple[str, int]]] = []

    def look(call: Call) -> None:
        seen.append(each.modes(each.mac.mac_path(each.mac.host_path(call.argv[-1], "/"))))

    each.mac.when("security", lambda call: each.mac.when("security", lambda call: each.mac.when("security", look)))
    each.run("look", roots(ROOT), umask=0)
    assert [mode for _owner, mode in seen[0]][1] == 0o700
    assert not each.left()


def test_roots_cut_off_are_no_roots(shell: Shell) -> None:
    sent = roots(ROOT, OTHER)
    for short in (2, len(OTHER)):
        assert shell.run("look", sent[:-short], length=len(sent)).state.stage == "cut_off"
    assert not shell.starts("security", "verify-cert")


def test_a_signal_while_a_root_is_looked_at_leaves_nothing(new_shell: NewShell, words: tuple[str, ...]) -> None:
    shell = new_shell(words)
    with shell.start("look", roots(ROOT)) as child:
        shell.mac.when("base64", lambda call: os.killpg(child.pid, signal.SIGTERM))
        assert child.wait(60)
        until(lambda: not shell.left())  # by another shell, which looks at it for its user


# -- change ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_root_and_identity_come_into_the_system_keychain(each: Shell, umask: int) -> None:
    staged: dict[str, Any] = {}

    def look(call: Call) -> None:
        for path, _content in each.mac.files():
            if f"/{MARK}/" in path:
                staged[path.rpartition("/")[2]] = each.modes(path)

    each.mac.when("security", look)
    answer = each.run("change", coming(), umask=umask, new=sha1(LEAF))
    assert (answer.all("stage"), answer.all("message"), answer.stderr) == ([], [], "")
    assert names(each) == [(sha1(ROOT), False), (sha1(LEAF), True)]
    assert {name: [mode for _owner, mode in modes][:2] for name, modes in staged.items()} == {
        "0.cer": [0o600, 0o700], "1.p12": [0o600, 0o700],
    }  # fmt: skip
    (identity,) = [item for item in each.mac.keychains["system"] if item.key]
    assert set(identity.access) == {"security", "nehelper", "nesessionmanager", "neagent", "NEIKEv2Provider.appex"}
    assert identity.extractable is False
    assert not each.left()
    assert not any(ONCE in word for argv in each.mac.processes for word in argv)
    assert [words[0] for words in each.mac.typed] == ["import", "import"]


def test_a_login_keychain_is_filled_by_its_owner_and_opened_with_its_password(each: Shell) -> None:
    answer = each.run("change", coming(password='"password of anna"'), scope="User", new=sha1(LEAF))
    assert answer.all("message") == []
    assert names(each, "anna") == [(sha1(ROOT), False), (sha1(LEAF), True)]
    assert {(start.user, start.home) for start in each.starts("security", "-i")} == {("anna", each.home("anna"))}
    assert not each.left()
    assert not any("password of anna" in word for argv in each.mac.processes for word in argv)


@pytest.mark.parametrize("password", ["", '"wrong"'])
def test_a_locked_keychain_says_so(shell: Shell, password: str) -> None:
    answer = shell.run("change", coming(password=password), scope="User", new=sha1(LEAF))
    assert answer.one("message").startswith("Sec")
    assert names(shell, "anna") == []
    assert not shell.left()


def test_the_partition_list_of_the_new_key_alone_is_set(shell: Shell) -> None:
    shell.run("change", coming(password='"password of anna"'), scope="User", new=sha1(LEAF))
    keychain = "login.keychain-db"
    assert [" ".join(words) for words in shell.mac.typed if words[0] != "import"] == [
        f"unlock-keychain -p password of anna {keychain}",
        f"set-key-partition-list -S apple-tool:,apple: -s -l mac-anna 12 -k password of anna {keychain}",
    ]


def test_the_old_goes_when_the_new_is_there(each: Shell) -> None:
    put(each, OLD, key=True)
    put(each, OTHER)
    going = f"identity:{sha1(OLD)} certificate:{sha1(OTHER)}"
    answer = each.run("change", coming(root=False), new=sha1(LEAF), going=going)
    assert answer.all("message") == []
    assert names(each) == [(sha1(LEAF), True)]


def test_nothing_goes_while_the_new_is_not_there(shell: Shell) -> None:
    put(shell, OLD, key=True)
    answer = shell.run("change", coming(identity=False), new=sha1(LEAF), going=f"identity:{sha1(OLD)}")
    assert (sha1(OLD), True) in names(shell)
    assert not answer.all("message")
    # A certificate without its key is not the identity.
    put(shell, LEAF)
    shell.run("change", b"\n", new=sha1(LEAF), going=f"identity:{sha1(OLD)}")
    assert (sha1(OLD), True) in names(shell)


def test_what_is_to_go_goes_without_anything_new(shell: Shell) -> None:
    put(shell, OLD, key=True)
    put(shell, OTHER)
    shell.run("change", b"\n", going=f"identity:{sha1(OLD)}")
    assert names(shell) == [(sha1(OTHER), False)]
    answer = shell.run("change", b"\n", going=f"certificate:{'0' * 40}")
    assert answer.one("message") == f'Unable to delete certificate matching "{"0" * 40}"'


def test_the_first_reason_is_passed_on(shell: Shell) -> None:
    shell.mac.keychains["system"].append(Item(ROOT))
    answer = shell.run("change", coming(), new=sha1(LEAF), going=f"certificate:{'0' * 40}")
    assert answer.one("message") == ("SecKeychainItemImport: The specified item already exists in the keychain.")
    assert (sha1(LEAF), True) in names(shell)
    assert not shell.left()


@pytest.mark.parametrize("short", [2, 40, 3000])
def test_of_what_arrives_cut_off_nothing_comes_in(shell: Shell, short: int) -> None:
    sent = coming()
    answer = shell.run("change", sent[:-short], length=len(sent), new=sha1(LEAF))
    assert answer.state.stage == "cut_off"
    assert names(shell) == []
    assert not shell.starts("security", "-i")
    assert not shell.left()


@pytest.mark.parametrize("owner", ["root", "anna"])
def test_a_folder_that_cannot_be_written(shell: Shell, owner: str) -> None:
    (shell.mac.home(shell.mac.accounts[owner]) / "Library").write_text("a file where the folder should be")
    answer = shell.run("change", coming(), scope="User", new=sha1(LEAF))
    assert answer.one("stage") == "cannot_write"
    assert "Library" in answer.one("message") and "Not a directory" in answer.one("message")
    assert names(shell, "anna") == []
    assert not shell.starts("security", "-i")
    assert not shell.left()


def test_a_file_that_cannot_be_decoded_stops_all(shell: Shell) -> None:
    shell.mac.fail("base64", 1, err="base64: no\n")
    answer = shell.run("change", coming(), new=sha1(LEAF))
    assert (answer.one("stage"), answer.one("message")) == ("cannot_write", "base64: no")
    assert not shell.starts("security", "-i")
    assert not shell.left()


@pytest.mark.parametrize("moment", ["base64", "security", "sudo"])
def test_a_signal_at_any_moment_leaves_nothing(new_shell: NewShell, words: tuple[str, ...], moment: str) -> None:
    shell = new_shell(words)
    with shell.start("change", coming(), scope="User", new=sha1(LEAF)) as child:
        shell.mac.when(moment, lambda call: os.kill(child.pid, signal.SIGTERM))
        assert child.wait(60) == 129
        assert not shell.left()


def test_what_a_killed_one_left_goes_with_the_next_look(shell: Shell) -> None:
    shell.mac.kill_exec_when("security")
    assert shell.run("change", coming(), new=sha1(LEAF)).code == -signal.SIGKILL
    assert any(path.endswith(".p12") for path in shell.left())
    assert shell.run("look", roots(ROOT)).state.leftover == "root"
    assert not shell.left()
