# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab's Macs do when the real OpenSSH client reaches them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import lab_samples as samples

from ansible_collections.vwan.user_vpn.tests.lab import Lab, Mac

NewMac = Callable[..., Mac]
Ssh = Callable[..., subprocess.CompletedProcess[bytes]]
AS_ANNA = "launchctl asuser $(id -u anna) sudo -H -u anna"


def test_an_exec_has_a_mac_s_environment_and_is_recorded(ssh: Ssh, new_mac: NewMac) -> None:
    mac = new_mac()
    answer = ssh(mac, "cat; id -un; pwd; uname -s; command -v perl jq timeout getent >&2; exit 7", b"secret stdin")
    home = mac.home(mac.accounts["admin"])
    assert answer.returncode == 7
    assert answer.stdout.decode().splitlines() == ["secret stdinadmin", str(home), "Darwin"]
    assert answer.stderr == b""
    (record,) = mac.execs
    assert (record.rc, record.stdin_bytes, record.terminal) == (7, 12, False)
    assert record.seconds > 0
    assert ["id", "-un"] in mac.processes
    assert not any("secret" in word for argv in mac.processes for word in argv)
    assert mac.refusals == mac.python_calls == []
    mac.clear_records()
    assert mac.execs == mac.processes == []


def test_the_environment_holds_nothing_of_the_host(ssh: Ssh, new_mac: NewMac, monkeypatch) -> None:
    monkeypatch.setenv("HOST_SECRET", "x")
    names = {line.partition("=")[0] for line in ssh(new_mac(), "env").stdout.decode().splitlines()}
    assert {name for name in names if not name.startswith("LAB_")} <= {
        "HOME", "USER", "LOGNAME", "SHELL", "PATH", "TMPDIR", "SSH_CONNECTION", "POSIXLY_CORRECT", "PWD",
        "_", "OLDPWD", "SHLVL",
    }  # fmt: skip


def test_python_is_a_stub_that_tells(ssh: Ssh, new_mac: NewMac) -> None:
    mac = new_mac()
    answer = ssh(mac, "/usr/bin/python3 -c 'print(1)'")
    assert (answer.returncode, answer.stdout) == (1, b"")
    assert b"xcode-select: note: No developer tools were found" in answer.stderr
    assert mac.python_calls


def test_gnu_options_are_refused_and_recorded(ssh: Ssh, new_mac: NewMac) -> None:
    mac = new_mac()
    for command in (
        "sed -i s/a/b/ file", "date -d now", "mktemp --suffix=x", "stat -c %U /dev/console", "grep -P x",
        "sort --version-sort", "head -n -1", "sed 's/a\\+/b/'", "date +%N", "mktemp x.XXXXXX.y", "base64 -w0",
        "readlink --canonicalize /",
    ):  # fmt: skip
        mac.clear_records()
        assert ssh(mac, command).returncode != 0, command
        assert len(mac.refusals) == 1, command


def test_what_a_script_may_do_works(ssh: Ssh, new_mac: NewMac) -> None:
    mac = new_mac()
    script = """
      umask 077; dir=$(mktemp -d) && file=$(mktemp "$dir/x.XXXXXX") && cat >"$file" && wc -l <"$file"
      stat -f '%Su %Lp' "$file"; sed -n 's/^a=//p' "$file"; sed -E 's/a+/b/' "$file" | head -n 1; date -u -r 0 +%Y
      grep -e '-----BEGIN' "$file"; mkdir -p "$HOME/x/y" && rm -rf "$HOME/x" && env -i A=1 id -un
      echo x | base64 | base64 -D
    """
    answer = ssh(mac, script, b"a=1\n-----BEGIN X-----\n")
    assert answer.stderr == b""
    assert answer.stdout.decode().splitlines() == [
        "       2", "admin 600", "1", "b=1", "1970", "-----BEGIN X-----", "admin", "x",
    ]  # fmt: skip
    assert mac.refusals == []


def test_absolute_paths_of_the_mac_reach_its_own_disk(ssh: Ssh, new_mac: NewMac) -> None:
    mac = new_mac()
    assert (
        ssh(mac, "echo hello >/Users/Shared/f; /bin/cat /Users/Shared/f; /usr/bin/id -un").stdout == b"hello\nadmin\n"
    )
    assert dict(mac.files())["/Users/Shared/f"] == b"hello\n"
    ssh(mac, "sh -s", b"rm -rf /opt/homebrew/x")
    assert [argv for argv, _unused in mac.refusals] == [["rm", "-rf", "/opt/homebrew/x"]]


def test_sudo_follows_its_policy(ssh: Ssh, new_mac: NewMac) -> None:
    free = new_mac(sudo="nopasswd")
    answer = ssh(free, "sudo -H -S -n -u root sh -c 'id -u; echo $HOME; sudo -u anna id -un'")
    assert answer.stdout.decode().splitlines() == ["0", str(free.home(free.accounts["root"])), "anna"]
    asks = new_mac(sudo="password", sudo_password="top secret")
    answer = ssh(asks, "sudo -n id -u")
    assert (answer.returncode, answer.stderr) == (1, b"sudo: a password is required\n")
    answer = ssh(asks, "sudo -S -p '[key] password:' sh -c 'id -u; cat'", b"wrong\ntop secret\nthe rest\n")
    assert answer.stdout == b"0\nthe rest\n"
    assert answer.stderr == b"[key] password:\nSorry, try again.\n[key] password:"
    refused = new_mac(sudo="refused", sudo_password="top secret")
    answer = ssh(refused, "sudo -S id -u", b"top secret\n")
    assert answer.returncode == 1 and b"admin is not in the sudoers file" in answer.stderr
    answer = ssh(free, "sudo --login id")
    assert answer.returncode == 1 and free.refusals


def test_a_terminal_is_real(lab: Lab, new_mac: NewMac) -> None:
    answer = lab.ssh(new_mac(), "tty; echo err >&2", b"", "-tt")
    assert answer.stdout.startswith(b"/dev/") and answer.stdout.endswith(b"\r\nerr\r\n")


def test_a_profile_is_opened_approved_shown_and_removed(ssh: Ssh, new_mac: NewMac) -> None:
    mac = new_mac(approve_after=0.01, copy_after=0.1)
    steps = f'f=$({AS_ANNA} mktemp) && {AS_ANNA} tee "$f" >/dev/null && {AS_ANNA} open "$f" && sleep 0.2 && rm "$f"'
    stage = f"sudo -H -n sh -c '{steps}'"
    raw = samples.packed(samples.profile())
    answer = ssh(mac, stage, raw)
    assert (answer.returncode, answer.stderr) == (0, b"")
    wait_for(mac.installed_profiles)
    (installed,) = mac.installed_profiles()
    assert (installed["identifier"], installed["scope"], installed["source"]) == (
        samples.IDENTIFIER,
        "System",
        "manual",
    )
    assert {(item["common_name"], item["has_key"]) for item in mac.keychain("system")} == {
        ("Root", False),
        ("mac-anna", True),
    }
    shown = ssh(mac, "sudo -n profiles show -type configuration -output stdout-xml").stdout
    assert b"<key>_computerlevel</key>" in shown and samples.PASSWORD.encode() in shown
    identities = ssh(mac, "security find-identity -p ipsec /Library/Keychains/System.keychain").stdout
    assert b'"mac-anna" (CSSMERR' not in identities and b"1 valid identities found" in identities
    answer = ssh(
        mac, f"sudo -n profiles remove -identifier {samples.IDENTIFIER}; sudo -n profiles remove -identifier x"
    )
    assert answer.returncode == 1 and answer.stderr == b"" and b"could not be found" in answer.stdout
    assert mac.installed_profiles() == mac.keychain("system") == mac.refusals == []
    assert not any(samples.PASSWORD.encode() in content for _unused, content in mac.files())


def test_open_needs_the_session_of_the_user_at_the_screen(ssh: Ssh, new_mac: NewMac) -> None:
    mac = new_mac(users=("anna", "ben"), person="ignores", copy_after=0.01)
    file = "/Users/Shared/p"
    mac.put_file(file, samples.packed(samples.profile()))
    for command in (
        f"open {file}", f"sudo -n -u anna open {file}", f"sudo -n launchctl asuser 502 open {file}",
        f"sudo -n launchctl asuser 503 sudo -u ben open {file}", "launchctl asuser 502 true",
        f"sudo -n {AS_ANNA} open /Users/Shared/missing",
        f"sudo -n sh -c 'umask 077; cat {file} >/Users/Shared/q; {AS_ANNA} open /Users/Shared/q'",
    ):  # fmt: skip
        answer = ssh(mac, command)
        assert answer.returncode == 1 and answer.stderr, command
    assert mac.pending_profile() is None
    pane = "x-apple.systempreferences:com.apple.Profiles-Settings.extension"
    assert ssh(mac, f"sudo -n {AS_ANNA} open {pane} {file}").returncode == 0
    wait_for(mac.pending_profile)
    assert mac.refusals == []
    mac.log_out()
    assert ssh(mac, "stat -f %Su /dev/console").stdout == b"root\n"
    assert ssh(mac, f"sudo -n {AS_ANNA} open {file}").returncode == 1


def test_a_file_that_is_gone_too_soon_never_becomes_pending(ssh: Ssh, new_mac: NewMac) -> None:
    mac = new_mac(copy_after=0.2)
    mac.put_file("/Users/Shared/p", samples.packed(samples.profile()))
    ssh(mac, f"sudo -n {AS_ANNA} open /Users/Shared/p; rm -f /Users/Shared/p; sleep 0.3")
    assert mac.pending_profile() is None and mac.installed_profiles() == []


def test_the_person_may_ignore_decline_and_change_her_mind(lab: Lab, new_mac: NewMac) -> None:
    mac = new_mac(person="ignores", approve_after=0.01)
    mac.download(samples.packed(samples.profile()), "anna")
    time.sleep(0.05)
    assert mac.pending_profile() and mac.installed_profiles() == []
    mac.person = "declines"
    wait_for(lambda: mac.pending_profile() is None)
    assert mac.installed_profiles() == []
    mac.person = "approves"
    mac.download(samples.packed(samples.profile()), "anna")
    wait_for(mac.installed_profiles)


def test_a_cut_connection_leaves_the_processes_alone(lab: Lab, new_mac: NewMac) -> None:
    mac = new_mac()
    mac.drop_connection_when("sw_vers")
    began = time.monotonic()
    answer = lab.ssh(mac, "touch before; sw_vers >/dev/null; sleep 0.2; touch after; sleep 0.2; echo x; touch never")
    assert answer.returncode == 255 and time.monotonic() - began < 5
    home = mac.home(mac.accounts["admin"])
    wait_for((home / "after").exists)
    wait_for(lambda: mac.execs[0].rc is not None)
    assert (home / "before").exists() and not (home / "never").exists()
    mac.kill_exec_when("sw_vers")
    assert lab.ssh(mac, "sw_vers; touch never").returncode != 0
    assert not (home / "never").exists()


def test_offline_and_online(lab: Lab, new_mac: NewMac) -> None:
    mac = new_mac()
    mac.offline()
    answer = lab.ssh(mac, "true")
    assert answer.returncode == 255 and b"refused" in answer.stderr
    mac.online()
    assert lab.ssh(mac, "true").returncode == 0


def test_ansible_raw_with_a_sudo_password_and_as_root(lab: Lab, new_mac: NewMac) -> None:
    mac = new_mac(sudo="password", sudo_password="pass with blank", login_shell_noise=True)
    root = new_mac(admin_is_root=True)
    answer = ansible(lab, f"{mac.name}:{root.name}", "-m", "raw", "-a", "id -un", "-b")
    assert answer.count("CHANGED") == 2, answer
    assert mac.execs[-1].terminal and mac.execs[-1].stdout.splitlines()[-1] == b"root"
    assert root.execs[-1].stdout.splitlines()[-1] == b"root"
    for each in (mac, root):
        assert each.refusals == each.python_calls == []
    assert not any("pass with blank" in word for argv in mac.processes for word in argv)


def test_many_macs_at_once(lab: Lab, new_mac: NewMac) -> None:
    macs = [new_mac() for _unused in range(8)]
    names: dict[str, str] = {}

    def ask(mac: Mac) -> None:
        names[mac.name] = lab.ssh(mac, "scutil --get ComputerName; sudo -n id -u").stdout.decode()

    threads = [threading.Thread(target=ask, args=(mac,)) for mac in macs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names == {mac.name: f"{mac.name}\n0\n" for mac in macs}


def test_a_closed_lab_leaves_nothing(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with Lab(tmp_path / "lab") as lab:
        mac = lab.add_mac("mac-anna")
        master = ["-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-o", f"ControlPath={lab.control_folder}/%C"]
        assert lab.ssh(mac, "true", b"", *master).returncode == 0
        client = subprocess.Popen(
            [*lab.ssh_command(mac), "sleep 60"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(lambda: len(mac.execs) == 2 and mac.execs[1].pid)
        pid, short = mac.execs[1].pid, lab.control_folder.parent
        assert list(lab.control_folder.iterdir())
    assert client.wait(5) == 255
    assert not short.exists() and list((tmp_path / "lab").iterdir()) == []
    assert set(threading.enumerate()) <= before
    wait_for(lambda: not Path(f"/proc/{pid}").exists())


def ansible(lab: Lab, *words: str) -> str:
    """Run an ad-hoc command with the ansible of this interpreter."""
    command = [sys.executable, "-m", "ansible", "adhoc", "-i", str(lab.inventory(become_passwords=True)), *words]
    environment = {
        **os.environ,
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_HOST_KEY_CHECKING": "True",
    }
    answer = subprocess.run(command, capture_output=True, env=environment, timeout=60, check=False)
    return (answer.stdout + answer.stderr).decode()


def wait_for(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


# A lab in a process of its own, which is then killed: its sockets stay behind.
KILLED = """
import os, signal, sys
from ansible_collections.vwan.user_vpn.tests.lab import Lab
with Lab(sys.argv[1]) as lab:
    print(lab.socket_path, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_lab_is_cleaned_up_by_the_next(tmp_path: Path, lab: Lab) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "killed")]
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    left = Path(done.stdout.strip()).parent
    assert left.name.startswith("lab.")
    assert left.exists()
    with Lab(tmp_path / "next"):
        assert not left.exists()
        assert Path(lab.socket_path).exists()  # another one that runs is left alone


def test_openssl_is_libressl(new_mac: NewMac, ssh: Ssh) -> None:
    """It takes what LibreSSL documents, makes files by the umask, writes the old forms, and knows no OpenSSL 3."""
    mac = new_mac()
    made = ssh(
        mac,
        "cd && openssl genrsa -out k.pem 2048 2>/dev/null && (umask 077; openssl genrsa -out p.pem 2048 2>/dev/null); "
        "head -n 1 k.pem; stat -f %Lp k.pem p.pem; "
        'openssl req -new -key k.pem -subj /CN=x -config /dev/null; echo "rc=$?"',
    )
    assert made.stdout.decode().splitlines() == ["-----BEGIN RSA PRIVATE KEY-----", "644", "600", "rc=1"]
    assert mac.refusals == []
    for words in (
        "genrsa -traditional 2048",
        "pkcs12 -export -legacy -inkey k.pem -in k.pem -passout stdin",
        "req -new -noenc -key k.pem",
        "genpkey -algorithm RSA",
        "pkcs12 -in k.pem",
    ):
        assert ssh(mac, f"cd && openssl {words}").returncode == 1
    assert len(mac.refusals) == 5
    assert ssh(mac, "cd && openssl req -new -key nowhere.pem").stderr.startswith(b"Can't open nowhere.pem")
