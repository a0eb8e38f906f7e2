# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys that are made on the Macs: the whole site runs, and no key is ever anywhere else."""

from __future__ import annotations

import plistlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from ansible_collections.vwan.user_vpn.tests.integration.conftest import SOAK
from ansible_collections.vwan.user_vpn.tests.integration.mac_shell.shells import until
from ansible_collections.vwan.user_vpn.tests.integration.second_tools import openssl, read_identity
from ansible_collections.vwan.user_vpn.tests.integration.site import IDENTIFIER, Run, Site
from ansible_collections.vwan.user_vpn.tests.integration.test_kill import kill_after
from ansible_collections.vwan.user_vpn.tests.integration.test_secrets import forms, haystack
from ansible_collections.vwan.user_vpn.tests.lab import Mac

KEY = f"/private/var/root/Library/Application Support/vwan.user_vpn/{IDENTIFIER}.key"
PKCS12 = "com.apple.security.pkcs12"


@pytest.fixture
def site(site: Site) -> Site:
    site.variables["user_vpn_mac_key"] = "on_mac"
    return site


def assert_ended_well(run: Run) -> None:
    assert run.returncode == 0, run.output
    assert not any(run.count("failed").values()), run.output
    assert not any(run.count("unreachable").values()), run.output
    assert "WARNING" not in run.output


def status(run: Run, mac: Mac) -> str:
    return str(run.of("mac_profile", mac.name)["status"])


def ours(mac: Mac) -> list[str]:
    """The files that we have left on the Mac."""
    return [path for path, content in mac.files() if "vwan.user_vpn" in path or PKCS12.encode() in content]


def assert_clean(mac: Mac) -> None:
    until(lambda: ours(mac) == [] and not list(mac.disk.rglob("vwan.user_vpn")))
    assert mac.refusals == []
    assert mac.ingestion_errors == []
    assert mac.faults == []
    assert mac.python_calls == []


def installed_identity(mac: Mac) -> dict[str, Any]:
    (profile,) = mac.installed_profiles()
    return next(payload for payload in profile["content"]["PayloadContent"] if payload["PayloadType"] == PKCS12)


def installed_certificate(mac: Mac) -> x509.Certificate:
    identity = installed_identity(mac)
    _key, leaf, _others = pkcs12.load_key_and_certificates(identity["PayloadContent"], identity["Password"].encode())
    assert leaf is not None
    return leaf


def public_key(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import PublicFormat

    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def ledger(site: Site, query: str, *values: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(site.pki)
    with connection:
        found = connection.execute(query, values).fetchall()
    connection.close()
    return found


def reason(site: Site, name: str) -> str:
    return str(ledger(site, "SELECT reason FROM certificates WHERE name = ? AND state = 'issued'", name)[0][0])


def issued(site: Site, name: str) -> list[str]:
    return [row[0] for row in ledger(site, "SELECT sha1 FROM certificates WHERE name = ? ORDER BY id", name)]


@pytest.mark.soak
def test_from_check_mode_to_a_second_run(site: Site) -> None:
    """The first and the last macOS, and one Mac whose key the controller makes, in one play."""
    old = site.lab.add_mac("mac-old", macos="11.7")
    new = site.lab.add_mac("mac-new", macos="26.1", sudo="password")
    other = site.lab.add_mac("mac-other")
    site.host_variables = {
        other.name: {"user_vpn_mac_key": "controller"},
        new.name: {"user_vpn_client_name": "anna.example.com"},
    }
    predicted = site.play("--check", "--diff")
    assert_ended_well(predicted)
    assert not site.pki.exists()
    assert [ours(mac) for mac in (old, new)] == [[], []]

    first = site.play("--diff")
    assert_ended_well(first)
    assert {task for host, task in predicted.changed() if host == old.name} >= {
        "vwan.user_vpn.configure_client : Make the private key on the Mac"
    }
    # What is signed cannot be foreseen: the request does not exist yet. Everything else can.
    signing = {(host, task) for host, task in first.changed() if "Make the client certificate" in task}
    assert predicted.changed() | signing == first.changed()
    for mac in (old, new, other):
        assert status(first, mac) == "installed"
        assert first.of("mac_profile", mac.name)["missing_certificates"] == []
        assert_clean(mac)
    # One to predict. Then one to know, one to make a key and one to offer the profile; without a key, two.
    execs = [len(mac.execs) - first.rounds(mac.name) for mac in (old, new, other)]
    assert execs == [1 + 3, 1 + 3, 1 + 2]

    root = site.root_file()
    for mac, name in ((old, "mac-old"), (new, "anna.example.com")):
        identity = installed_identity(mac)
        seen = read_identity(identity["PayloadContent"], identity["Password"], root)
        assert seen.chains_to_root
        assert seen.legacy_encryption
        assert f"DNS:{name}" in seen.text
        # Its subject is not that of the request, which nobody asked for.
        assert f"Subject: CN={name}\n" in seen.text.replace(" = ", "=")
        assert "TLS Web Client Authentication" in seen.text
        assert ledger(site, "SELECT sha1 FROM certificates WHERE name = ?", name) == [(seen.sha1,)]
        assert seen.sha1 not in site.keyed()
        rendered = plistlib.loads((site.profiles / f"{mac.name}.mobileconfig").read_bytes())
        assert [profile["uuid"] for profile in mac.installed_profiles()] == [rendered["PayloadUUID"]]
        (placed,) = [p for p in rendered["PayloadContent"] if p["PayloadType"] == PKCS12]
        openssl("x509", "-inform", "DER", "-noout", stdin=placed["PayloadContent"])
    # Every profile has a password of its own, which nobody knows.
    assert installed_identity(old)["Password"] != installed_identity(new)["Password"]

    for mac in (old, new, other):
        mac.clear_records()
    second = site.play("--diff")
    assert_ended_well(second)
    assert set(second.count("changed").values()) == {0}
    assert [len(mac.execs) for mac in (old, new, other)] == [1, 1, 1]
    after = site.play("--check", "--diff")
    assert_ended_well(after)
    assert after.changed() == set()


def secrets_of(mac: Mac) -> dict[str, list[bytes]]:
    """The key that the Mac has now, and its one-time password, in the forms in which they could lie around."""
    identity = installed_identity(mac)
    raw, password = identity["PayloadContent"], identity["Password"].encode()
    key, _leaf, _others = pkcs12.load_key_and_certificates(raw, password)
    assert key is not None
    private = [key.private_bytes(Encoding.DER, form, NoEncryption()) for form in (
        PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8,
    )]  # fmt: skip
    prime = key.private_numbers().p  # type: ignore[union-attr]
    numbers = [str(prime).encode(), f"{prime:x}".encode(), f"{prime:X}".encode(), prime.to_bytes(128, "big")]
    return {
        "key": [form for der in private for form in forms(der)] + numbers,
        "PKCS#12": forms(raw),
        "password": [password],
    }


def everywhere(site: Site, outputs: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """All that the controller has, all that went over the network, all that shows on a Mac."""
    yield from ((f"output of run {number}", output) for number, output in enumerate(outputs))
    yield from haystack(site.folder, allowed=[])
    for mac in site.lab.macs.values():
        yield from ((f"disk of {mac.name}: {path}", content) for path, content in mac.files())
        yield from ((f"process on {mac.name}", "\0".join(argv).encode()) for argv in mac.processes)
        for record in mac.execs:
            assert record.stdin_bytes == len(record.stdin)
            traffic = record.command.encode(), record.stdin, record.stdout, record.stderr
            yield f"exec {record.number} of {mac.name}", b"\0".join(traffic)


def squeezed(content: bytes) -> bytes:
    """Base64 is broken into lines by some, and not by others."""
    return content.replace(b"\n", b"").replace(b"\t", b"").replace(b"\\n", b"")


def test_the_key_never_leaves_the_mac(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna", sudo="password")
    noisy = {
        "ANSIBLE_LOG_PATH": str(site.folder / "ansible.log"),
        "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(site.folder / "facts"),
        "ANSIBLE_KEEP_REMOTE_FILES": "1",
        "ANSIBLE_DEBUG": "1",
        "TMPDIR": str(site.folder / "tmp"),
    }
    (site.folder / "tmp").mkdir()
    outputs, secrets = [], []
    for setting in ("certificate", "eap_tls"):  # the second profile needs another key
        site.variables["user_vpn_authentication"] = setting
        run = site.play("--diff", "-vvvv", env=noisy)
        assert run.returncode == 0, run.output
        assert status(run, mac) == "installed"
        until(lambda: ours(mac) == [])  # what was staged goes some seconds after the offer
        outputs.append(run.output.encode())
        secrets.append(secrets_of(mac))
    places = [(place, content, squeezed(content)) for place, content in everywhere(site, outputs)]
    leaks = [
        f"{name} in {place}"
        for place, *contents in places
        for found in secrets
        for name, values in found.items()
        if any(value in content for value in values for content in contents)
    ]
    assert leaks == []
    # The search itself works: the Mac has installed all of it, and the store of the Mac is not among the places.
    store = squeezed((mac.stores / "profiles.plist").read_bytes())
    assert all(any(value in store for value in secrets[1][name]) for name in ("PKCS#12", "password"))
    assert_clean(mac)


def expire(site: Site, name: str) -> None:
    """The ledger says that the certificate ends tomorrow."""
    soon = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    ledger(site, "UPDATE certificates SET not_after = ? WHERE name = ?", soon, name)


@pytest.mark.soak
def test_what_needs_a_new_certificate_gets_a_new_key(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna")
    assert_ended_well(site.play())
    seen = [installed_certificate(mac)]

    def run_anew(**variables: Any) -> Run:
        site.variables |= variables
        run = site.play("--diff")
        assert_ended_well(run)
        assert status(run, mac) == "installed"
        seen.append(installed_certificate(mac))
        assert_clean(mac)
        return run

    expire(site, mac.name)
    predicted = site.play("--check")
    assert ("mac-anna", "vwan.user_vpn.configure_client : Make the private key on the Mac") in predicted.changed()
    run_anew()
    assert reason(site, mac.name) == "expiring"

    run_anew(certificates_root_generation=2)
    assert reason(site, mac.name) == "root_rotated"

    run = run_anew(user_vpn_authentication="eap_tls")
    assert reason(site, mac.name) == "new_key"
    assert "ExtendedAuthEnabled" in run.stdout

    run_anew(user_vpn_client_key_size=3072)
    assert reason(site, mac.name) == "options_changed"
    assert seen[-1].public_key().key_size == 3072  # type: ignore[union-attr]

    mac.remove_profile(IDENTIFIER)
    run_anew()
    assert site.play().changed() == set()
    assert len({public_key(certificate) for certificate in seen}) == len(seen) == 6
    states = [row[0] for row in ledger(site, "SELECT state FROM certificates WHERE name = 'mac-anna' ORDER BY id")]
    assert states == ["superseded"] * 5 + ["issued"]


@pytest.mark.soak
def test_renewals_a_few_at_a_time(site: Site) -> None:
    """The choice is made before any key is: who is put off keeps its key, and is not even written to."""
    macs = [site.lab.add_mac(f"mac-{number}") for number in range(3)]
    here = site.lab.add_mac("mac-here")
    site.host_variables[here.name] = {"user_vpn_mac_key": "controller"}
    macs.append(here)
    assert_ended_well(site.play())
    for mac in macs:
        expire(site, mac.name)
        mac.clear_records()
    site.variables["user_vpn_renew_batch"] = 2
    before = {mac.name: mac.installed_profiles() for mac in macs}

    def renewed() -> set[str]:
        return {mac.name for mac in macs if mac.installed_profiles() != before[mac.name]}

    first = site.play("--diff")
    assert_ended_well(first)
    assert renewed() == {"mac-0", "mac-1"}
    chosen, certified = (e["result"] for e in first.results if e["action"].endswith(".client_certificates"))
    assert [entry["name"] for entry in chosen["deferred"]] == ["mac-2", "mac-here"]
    assert set(certified["clients"]) == {"mac-0", "mac-1"}
    assert {host for host, _task in first.changed() if host in {"mac-2", "mac-here"}} == set()
    assert [len(mac.execs) - first.rounds(mac.name) for mac in macs] == [3, 3, 1, 1]

    # Every profile has to change now: each of these Macs needs a new key for it, whoever's turn it is.
    site.variables |= {"user_vpn_renew_batch": 1, "user_vpn_authentication": "eap_tls"}
    second = site.play()
    assert_ended_well(second)
    assert {status(second, mac) for mac in macs} == {"installed"}
    assert renewed() == {mac.name for mac in macs}
    assert second.of("client_certificates")["failures"] == []
    assert len(issued(site, "mac-2")) == 2
    assert_ended_well(site.play())
    assert reason(site, here.name) == "expiring"
    for mac in macs:
        assert_clean(mac)


@pytest.mark.soak
def test_from_the_controller_to_the_mac_and_back(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna")
    for where, files in (("controller", 1), ("on_mac", 0), ("controller", 1)):
        site.variables["user_vpn_mac_key"] = where
        run = site.play()
        assert run.returncode == 0, run.output
        back = len(issued(site, mac.name)) == 3
        assert ("If two inventories ask for it with different ones" in " ".join(run.output.split())) is back
        assert status(run, mac) == "installed"
        assert len(site.keyed()) == files
        assert_clean(mac)
    assert len(issued(site, mac.name)) == 3
    assert site.play().changed() == set()


def assert_key_is_private(mac: Mac) -> None:
    path = mac.host_path(KEY, "/")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert mac.owner(path) == mac.owner(path.parent) == "root"
    assert [path for path in ours(mac) if path != KEY] == []


@pytest.mark.soak
def test_the_key_waits_for_a_person_who_approves_between_two_runs(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna", person="ignores")
    site.variables["user_vpn_wait"] = 1
    waited = site.play()
    assert_ended_well(waited)
    assert status(waited, mac) == "pending_approval"
    until(lambda: ours(mac) == [KEY])  # the staged profile goes some seconds after the offer
    assert_key_is_private(mac)
    key = mac.host_path(KEY, "/").read_bytes()

    again = site.play()  # still nobody: the same key, the same certificate
    assert status(again, mac) == "pending_approval"
    assert mac.host_path(KEY, "/").read_bytes() == key
    assert len(issued(site, mac.name)) == 1

    until(lambda: ours(mac) == [KEY])
    mac.approve()
    predicted = site.play("--check")
    assert predicted.of("mac_profile")["changed"]
    assert ours(mac) == [KEY]
    mac.clear_records()
    tidied = site.play()
    assert_ended_well(tidied)
    assert status(tidied, mac) == "installed"
    assert tidied.of("mac_profile")["changed"]
    assert len(mac.execs) == 1  # the key goes in the exec that sees the profile
    assert site.play().changed() == set()
    assert_clean(mac)
    assert len(issued(site, mac.name)) == 1


@pytest.mark.soak
def test_nobody_is_logged_in_until_somebody_is(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna", console_user=None)
    assert status(site.play(), mac) == "no_console_user"
    assert_key_is_private(mac)
    assert site.play().changed() == set()
    mac.log_in("anna")
    assert status(site.play(), mac) == "installed"
    assert_clean(mac)
    assert len(issued(site, mac.name)) == 1


INTERRUPTIONS = [("kill_exec_when", "openssl"), ("kill_exec_when", "base64"), ("drop_connection_when", "open")]
FURTHER = [("drop_connection_when", "openssl"), ("drop_connection_when", "base64"), ("kill_exec_when", "open")]


@pytest.mark.parametrize(("how", "moment"), [*INTERRUPTIONS, *FURTHER] if SOAK else INTERRUPTIONS)
@pytest.mark.soak("kill_exec_when-base64", "drop_connection_when-open")
def test_an_interrupted_run_is_gone_on_with(site: Site, how: str, moment: str) -> None:
    """While the key is made, while the profile is completed, while it is offered."""
    mac = site.lab.add_mac("mac-anna")
    getattr(mac, how)(moment)
    broken = site.play()
    assert broken.recap["mac-anna"]["failed"] + broken.recap["mac-anna"]["unreachable"] == 1, broken.output
    found = site.play()
    assert status(found, mac) == "installed", found.output
    assert site.play().changed() == set()
    until(lambda: ours(mac) == [])
    assert len(issued(site, mac.name)) == 1


@pytest.mark.soak
@pytest.mark.parametrize("seconds", [1.5 + number / 4 for number in range(20)] if SOAK else [4.0])
def test_a_killed_playbook_converges(site: Site, seconds: float) -> None:
    mac = site.lab.add_mac("mac-anna")
    kill_after(site, seconds)
    run = site.play()
    assert run.returncode == 0, run.output
    assert status(run, mac) == "installed"
    assert site.play().changed() == set()
    until(lambda: ours(mac) == [])


@pytest.mark.parametrize(
    "variables",
    [
        {"user_vpn_delivery": "export"},
        {"user_vpn_verify": "none"},
        {"user_vpn_scope": "User"},
        {"user_vpn_sign_with": {"certificate": "signer.pem", "key": "signer.key"}},
    ],
    ids=["export", "no Mac", "User", "signed"],
)
@pytest.mark.soak("no Mac", "User")
def test_what_needs_the_key_elsewhere_is_refused(site: Site, variables: dict[str, Any]) -> None:
    mac = site.lab.add_mac("mac-anna")
    site.variables |= variables
    run = site.play()
    assert run.count("failed") == {"mac-anna": 1}
    assert "only the Mac itself can complete its profile" in run.of("fail", "mac-anna")["msg"]
    assert "failed: mac-anna. user_vpn_mac_key is on_mac: only the Mac itself" in run.said
    assert mac.execs == []


@pytest.mark.soak
def test_the_modules_by_themselves_say_what_is_missing(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna")
    assert_ended_well(site.play())
    mac.remove_profile(IDENTIFIER)
    src = str(site.profiles / "mac-anna.mobileconfig")

    def alone(become: bool = True, **task: dict[str, Any]) -> Run:
        tasks = [{f"vwan.user_vpn.{name}": arguments} for name, arguments in task.items()]
        play = {"hosts": "user_vpn", "gather_facts": False, "become": become, "tasks": tasks}
        return site.play(playbook=site.playbook("alone.yml", [play]))

    assert "run mac_key" in alone(mac_profile={"src": src}).of("mac_profile")["msg"]
    assert "no MDM can" in alone(mac_profile={"src": src, "delivery": "mdm"}).of("mac_profile")["msg"]
    assert "set become: true" in alone(become=False, mac_key={"identifier": IDENTIFIER}).of("mac_key")["msg"]
    # Another key than that of the certificate.
    assert alone(mac_key={"identifier": IDENTIFIER}).of("mac_key")["status"] == "made"
    assert alone(mac_profile={"src": src}).of("mac_profile")["status"] == "key_wanted"
    assert ours(mac) == [KEY]
    gone = alone(mac_key={"identifier": IDENTIFIER, "state": "absent"})
    assert gone.of("mac_key")["changed"]
    assert not alone(mac_key={"identifier": IDENTIFIER, "state": "absent"}).of("mac_key")["changed"]
    alone(mac_key={"identifier": IDENTIFIER})
    removed = alone(mac_profile={"identifier": IDENTIFIER, "state": "absent"})
    assert removed.of("mac_profile")["changed"]
    assert_clean(mac)


@pytest.mark.soak
def test_a_revoked_client_comes_back_with_another_key(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna", person="ignores")
    site.variables["user_vpn_wait"] = 1
    assert status(site.play(), mac) == "pending_approval"
    task = {"vwan.user_vpn.client_certificates": {"pki": str(site.pki), "clients": ["mac-anna"], "state": "revoked"}}
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [task]}
    assert site.play(playbook=site.playbook("revoke.yml", [play])).returncode == 0
    before = mac.host_path(KEY, "/").read_bytes()

    mac.person = "approves"
    site.variables["user_vpn_wait"] = 20
    assert "user_vpn_readmit" in site.play().of("fail", mac.name)["msg"]
    run = site.play("-e", '{"user_vpn_readmit": ["mac-anna"]}')
    assert status(run, mac) == "installed"
    assert reason(site, mac.name) == "readmitted"
    revoked, current = (
        x509.load_pem_x509_certificate(row[0])
        for row in ledger(site, "SELECT pem FROM certificates WHERE name = 'mac-anna' ORDER BY id")
    )
    assert public_key(revoked) != public_key(current) == public_key(installed_certificate(mac))
    assert before not in [content for _path, content in mac.files()]
    assert_clean(mac)
