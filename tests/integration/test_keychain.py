# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates in a keychain, for people who set up the VPN by hand; and what the site says of either way."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.second_tools import openssl
from ansible_collections.vwan.user_vpn.tests.integration.site import PASSPHRASE, Run, Site
from ansible_collections.vwan.user_vpn.tests.integration.test_secrets import forms, haystack
from ansible_collections.vwan.user_vpn.tests.lab.calls import Call
from ansible_collections.vwan.user_vpn.tests.lab.mac import Mac

RELEASES = {"mac-12": "12.7", "mac-14": "14.4", "mac-15": "15.5", "mac-26": "26.1"}
# A certificate of the usual 365 days is then renewed, one of 400 days is not.
RENEW = ("-e", "certificates_renew_before_days=390", "-e", "certificates_client_valid_days=400")
INSTALLED = "Both the client and the root certificate are installed"


def verified(run: Run, host: str | None = None) -> str:
    """What the Mac's own task said it verified."""
    return str(run.of("mac_certificate", host)["msg"])


def by_hand(site: Site) -> None:
    site.variables["user_vpn_certificates_by"] = "keychain"


def fingerprint(pem: str) -> str:
    """By openssl."""
    text = openssl("x509", "-noout", "-fingerprint", "-sha1", stdin=pem.encode()).decode()
    return text.partition("=")[2].replace(":", "").strip()


def root_sha1(site: Site) -> str:
    return hashlib.sha1(site.roots[0]).hexdigest().upper()


def issued(run: Run, name: str) -> dict[str, Any]:
    return dict(run.of("client_certificates")["clients"][name])


def held(mac: Mac, store: str = "system") -> dict[str, bool]:
    """SHA-1 of what the keychain holds, and whether the key is there."""
    return {item["sha1"]: item["has_key"] for item in mac.keychain(store)}


def staged(mac: Mac) -> list[str]:
    # A killed exec may leave one public certificate in the folder that macOS itself empties.
    found = [path for path, _content in mac.files() if "vwan.user_vpn" in path or path.endswith((".p12", ".cer"))]
    return [path for path in found if not (path.startswith("/private/var/folders/") and path.endswith("/root.cer"))]


def assert_ended_well(run: Run) -> None:
    assert run.returncode == 0, run.output
    assert not any(run.count("failed").values()), run.output


def assert_clean(mac: Mac) -> None:
    assert mac.refusals == []
    assert mac.python_calls == []
    assert staged(mac) == []


def kill_while_it_imports(mac: Mac) -> None:
    """Kill the exec that starts `security -i`: everything is staged then, and nothing is in the keychain."""
    started = mac.started

    def watch(call: Call) -> None:
        if call.argv[1:] == ["-i"]:
            mac.started = started  # type: ignore[method-assign]
            mac.kill_exec_when("security")
        started(call)

    mac.started = watch  # type: ignore[method-assign]


def module(site: Site, become: bool = True, **options: Any) -> str:
    task = {"vwan.user_vpn.mac_certificate": options}
    play = {"hosts": "user_vpn", "gather_facts": False, "become": become, "tasks": [task]}
    return site.playbook("module.yml", [play])


def test_by_hand_from_check_mode_to_a_second_run(site: Site) -> None:
    by_hand(site)
    for name, version in RELEASES.items():
        site.lab.add_mac(name, macos=version)
    macs = site.lab.macs.values()

    predicted = site.play("--check", "--diff")
    assert_ended_well(predicted)
    assert all(not mac.keychain("system") for mac in macs)
    assert not site.pki.exists()

    first = site.play("--diff")
    assert_ended_well(first)
    assert predicted.changed() == first.changed()
    assert not site.profiles.exists()
    for mac in macs:
        client = fingerprint(site.pem(issued(first, mac.name)["sha1"]))
        assert held(mac) == {client: True, root_sha1(site): False}
        identity = next(item for item in mac.keychain("system") if item["has_key"])
        assert {"NEIKEv2Provider.appex", "nehelper", "nesessionmanager", "neagent"} <= set(identity["access"])
        assert "*" not in identity["access"]
        result = first.of("mac_certificate", mac.name)
        assert (result["client_sha1"], result["root_sha1"]) == (client, [root_sha1(site)])
        assert result["msg"].startswith(f"{INSTALLED}. ")
        # The lab's root is none of Apple's, and nobody at the screen has trusted it.
        assert f"macOS {mac.release.version} lets only a person or a profile trust a root" in result["msg"]
        assert f"{mac.name}: {result['msg']}" in first.said
        assert result["untrusted_roots"] == [root_sha1(site)]
        assert len(mac.execs) == 1 + 2  # one to predict; one to know, one to act
        mac.clear_records()
    assert "Local ID the client name of the Mac (mac-12 on mac-12)" in first.said
    assert "4 Macs: 4 current. 0 connected." in first.said

    second = site.play("--diff")
    assert_ended_well(second)
    assert set(second.count("changed").values()) == {0}
    after = site.play("--check")
    assert after.changed() == set()
    for mac in macs:
        assert len(mac.execs) == 2  # one for each of these two runs
        assert_clean(mac)


def test_connecting_is_the_persons_too_and_is_said_so(site: Site) -> None:
    by_hand(site)
    mac = site.lab.add_mac("mac-anna")
    run = site.play()
    assert_ended_well(run)
    assert "1 Mac: 1 current. 0 connected." in run.stdout
    assert f"Not connected: {mac.name}. Nothing on this Mac can start 'Contoso VPN' from the command line" in run.said
    assert len(mac.execs) == 2
    mac.tunnel = {"interface": "ipsec0", "address": "172.16.0.2"}
    assert site.play("--tags", "connect").of("mac_connection", mac.name)["connected"] is True


def test_a_revoked_identity_leaves_the_keychain(site: Site) -> None:
    by_hand(site)
    mac, other = site.lab.add_mac("mac-anna"), site.lab.add_mac("mac-ben")
    assert_ended_well(site.play())
    before = held(other)
    revoke = ("-e", "user_vpn_revoke=mac-anna")
    predicted = site.play("--check", *revoke, playbook="vwan.user_vpn.revoke")
    assert_ended_well(predicted)
    assert held(mac) != {root_sha1(site): False}
    run = site.play(*revoke, playbook="vwan.user_vpn.revoke")
    assert_ended_well(run)
    assert predicted.changed() == run.changed()
    assert held(mac) == {root_sha1(site): False}
    assert held(other) == before
    assert site.play(*revoke, playbook="vwan.user_vpn.revoke").changed() == set()
    assert_clean(mac)


def test_a_key_that_was_imported_cannot_be_exported(site: Site) -> None:
    by_hand(site)
    mac = site.lab.add_mac("mac-anna")
    assert_ended_well(site.play())
    assert [item.extractable for item in mac.keychains["system"] if item.key] == [False]


def test_a_root_that_the_mac_trusts_is_not_complained_about(site: Site) -> None:
    by_hand(site)
    mac = site.lab.add_mac("mac-anna")
    mac.trusted["admin"].add(hashlib.sha256(site.roots[0]).hexdigest().upper())
    run = site.play()
    assert_ended_well(run)
    assert run.of("mac_certificate")["untrusted_roots"] == []
    assert "trust a root" not in run.stdout
    assert_clean(mac)


def test_a_renewal_takes_the_place_of_the_old_identity(site: Site) -> None:
    by_hand(site)
    mac = site.lab.add_mac("mac-anna")
    first = site.play()
    old = issued(first, "mac-anna")["sha1"]
    # Somebody else's identity of the same name: an MDM's, say.
    other = site.folder / "other"
    other.mkdir()
    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mac-anna", "-days", "30",
        "-keyout", str(other / "key"), "-out", str(other / "certificate"),
    )  # fmt: skip
    openssl(
        "pkcs12", "-export", "-legacy", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1",
        "-in", str(other / "certificate"), "-inkey", str(other / "key"), "-out", str(other / "p12"),
        "-passout", "env:SECRET", secret="other",
    )  # fmt: skip
    from ansible_collections.vwan.user_vpn.tests.lab import ingestion

    mac.keychains["system"] += ingestion.open_pkcs12((other / "p12").read_bytes(), "other")

    renewed = site.play("--diff", *RENEW)
    assert_ended_well(renewed)
    new = issued(renewed, "mac-anna")["sha1"]
    assert new != old
    assert held(mac) == {new: True, root_sha1(site): False, fingerprint((other / "certificate").read_text()): True}
    assert renewed.of("mac_certificate")["removed"] == [old]
    assert f"identity {old}" in renewed.stdout
    assert site.play(*RENEW).changed() == set()
    assert_clean(mac)


@pytest.mark.soak
def test_the_old_identity_stays_when_the_new_one_does_not_come_in(site: Site) -> None:
    by_hand(site)
    mac = site.lab.add_mac("mac-anna")
    old = issued(site.play(), "mac-anna")["sha1"]
    kill_while_it_imports(mac)
    killed = site.play(*RENEW)
    assert killed.returncode != 0
    assert held(mac) == {old: True, root_sha1(site): False}

    converged = site.play(*RENEW)
    assert_ended_well(converged)
    assert held(mac) == {issued(converged, "mac-anna")["sha1"]: True, root_sha1(site): False}
    assert old not in held(mac)
    assert_clean(mac)


@pytest.mark.soak
def test_the_old_identity_stays_when_the_new_one_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the import fails; a removal would go through."""
    from ansible_collections.vwan.user_vpn.tests.lab.commands import security

    async def refuse(call: Call, args: list[str]) -> int:
        call.err("security: SecKeychainItemImport: Unknown format in import.\n")
        return 1

    by_hand(site)
    mac = site.lab.add_mac("mac-anna")
    old = issued(site.play(), "mac-anna")["sha1"]
    monkeypatch.setitem(security.COMMANDS, "import", refuse)
    run = site.play(*RENEW)
    assert run.count("failed") == {"mac-anna": 1}
    assert (
        "SecKeychainItemImport: Unknown format in import. What was there is still there"
        in run.of("mac_certificate")["msg"]
    )
    assert held(mac) == {old: True, root_sha1(site): False}
    assert_clean(mac)


def test_a_root_that_a_person_trusts_is_trusted(site: Site) -> None:
    by_hand(site)
    mac = site.lab.add_mac("mac-anna")
    site.variables |= {"user_vpn_keychain": "login", "user_vpn_keychain_password": mac.accounts["anna"].password}
    first = site.play()
    assert_ended_well(first)
    assert "open Keychain Access > login > Certificates" in first.of("mac_certificate")["msg"]
    mac.trusted["anna"] = {hashlib.sha256(site.roots[0]).hexdigest().upper()}
    again = site.play()
    assert again.of("mac_certificate")["untrusted_roots"] == []
    assert again.changed() == set()
    assert_clean(mac)


@pytest.mark.soak
def test_a_locked_login_keychain_is_explained(site: Site) -> None:
    by_hand(site)
    mac = site.lab.add_mac("mac-anna")
    site.variables["user_vpn_keychain"] = "login"
    run = site.play()
    assert run.count("failed") == {"mac-anna": 1}
    assert "locked for ssh: set keychain_password" in run.of("mac_certificate")["msg"]
    assert not mac.keychain("anna")

    site.variables["user_vpn_keychain_password"] = "a wrong one"
    wrong = site.play()
    assert wrong.count("failed") == {"mac-anna": 1}
    assert "not correct" in wrong.of("mac_certificate")["msg"]
    assert "a wrong one" not in wrong.output
    assert_clean(mac)


@pytest.mark.soak
def test_the_login_keychain_with_its_password(site: Site) -> None:
    by_hand(site)
    mac = site.lab.add_mac("mac-anna", macos="26.1")
    site.variables |= {"user_vpn_keychain": "login", "user_vpn_keychain_password": mac.accounts["anna"].password}
    first = site.play()
    assert_ended_well(first)
    assert held(mac, "anna") == {issued(first, "mac-anna")["sha1"]: True, root_sha1(site): False}
    assert not mac.keychain("system")
    assert site.play().changed() == set()
    assert_clean(mac)

    removed = site.play(
        playbook=module(
            site,
            state="absent",
            keychain="login",
            keychain_password=mac.accounts["anna"].password,
            fingerprints=[issued(first, "mac-anna")["sha1"]],
        )
    )
    assert_ended_well(removed)
    assert held(mac, "anna") == {root_sha1(site): False}
    assert not [argv for argv in mac.processes if any(mac.accounts["anna"].password in word for word in argv)]


def test_a_password_full_of_signs_opens_the_login_keychain(site: Site) -> None:
    by_hand(site)
    mac = site.lab.add_mac("mac-anna")
    password = "a \"b\" \\c 'd' $e `f` ü"
    account = mac.accounts["anna"]
    mac.accounts["anna"] = type(account)(account.name, account.uid, account.gid, account.home, account.admin, password)
    site.variables |= {"user_vpn_keychain": "login", "user_vpn_keychain_password": password}
    assert_ended_well(site.play())
    assert len(mac.keychain("anna")) == 2
    assert_clean(mac)


def test_nobody_at_the_screen_has_no_login_keychain(site: Site) -> None:
    by_hand(site)
    mac = site.lab.add_mac("mac-anna", console_user=None)
    site.variables["user_vpn_keychain"] = "login"
    run = site.play()
    assert_ended_well(run)
    assert run.of("mac_certificate")["status"] == "no_console_user"
    assert "run again when somebody is" in verified(run)
    assert "nobody at the screen: mac-anna. Run again when somebody is logged in at the screen." in run.said
    assert_clean(mac)


def test_absent_takes_out_exactly_ours(site: Site) -> None:
    by_hand(site)
    mac = site.lab.add_mac("mac-anna")
    first = site.play()
    client = issued(first, "mac-anna")
    pem, der = site.folder / "root.pem", site.folder / "root.der"
    der.write_bytes(site.roots[0])
    pem.write_bytes(openssl("x509", "-inform", "DER", "-in", str(der)))
    from ansible_collections.vwan.user_vpn.tests.lab.keychain import Item
    from ansible_collections.vwan.user_vpn.tests.lab.packages import gateway_root

    stranger = Item(gateway_root("Somebody Else's Root").der)
    mac.keychains["system"].append(stranger)
    absent = module(site, state="absent", pki=str(site.pki), client="mac-anna", roots=[str(pem), str(der)])

    predicted = site.play("--check", "--diff", playbook=absent)
    assert predicted.of("mac_certificate")["removed"] == sorted([client["sha1"], root_sha1(site)])
    assert len(held(mac)) == 3
    mac.clear_records()
    removed = site.play("--diff", playbook=absent)
    assert_ended_well(removed)
    assert held(mac) == {stranger.sha1: False}
    assert len(mac.execs) == 2
    assert removed.of("mac_certificate")["status"] == "removed"
    assert site.play(playbook=absent).changed() == set()
    assert_clean(mac)


@pytest.mark.soak
def test_an_exec_killed_while_it_imports_is_cleaned_up_by_the_next_run(site: Site) -> None:
    by_hand(site)
    mac = site.lab.add_mac("mac-anna")
    mac.kill_exec_when("base64")  # the first is a root in `look`
    assert site.play().returncode != 0
    found = site.play("--check")
    assert_ended_well(found)
    kill_while_it_imports(mac)
    killed = site.play()
    assert killed.returncode != 0, killed.output
    assert [path for path in staged(mac) if path.endswith(".p12")]
    for path, _content in mac.files():
        if path.endswith(".p12"):
            assert (mac.disk / path.lstrip("/")).stat().st_mode & 0o077 == 0

    predicted = site.play("--check")
    assert "a real run removes it" in predicted.output
    cleaned = site.play()
    assert "was removed" in cleaned.output
    assert_ended_well(cleaned)
    assert INSTALLED in verified(cleaned)
    assert site.play().changed() == set()
    assert_clean(mac)


@pytest.mark.soak
def test_a_lost_connection_leaves_nothing(site: Site) -> None:
    by_hand(site)
    mac = site.lab.add_mac("mac-anna")
    mac.drop_connection_when("base64")
    assert site.play().returncode != 0
    assert_ended_well(site.play())
    assert INSTALLED in verified(site.play())
    assert_clean(mac)


def test_without_privilege_it_says_what_it_needs(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna")
    der = site.folder / "root.der"
    der.write_bytes(site.roots[0])
    run = site.play(playbook=module(site, become=False, roots=[str(der)]))
    assert run.count("failed") == {"mac-anna": 1}
    assert "set become: true" in run.of("mac_certificate")["msg"]
    assert not mac.keychain("system")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"roots": ["/nonexistent"]}, "/nonexistent cannot be read"),
        ({"fingerprints": ["12"], "state": "absent"}, "'12' in fingerprints is no SHA-1 thumbprint"),
        ({"fingerprints": ["0" * 40]}, "fingerprints only says what is to go"),
        ({"gateway_roots": [{"pem": "nonsense"}]}, "gateway_roots[0].pem holds no certificate that can be read"),
        ({}, "one of the following is required"),
    ],
)
def test_bad_input_is_one_sentence(site: Site, options: dict[str, Any], sentence: str) -> None:
    site.lab.add_mac("mac-anna")
    run = site.play(playbook=module(site, **options))
    assert run.count("failed") == {"mac-anna": 1}
    assert sentence in run.of("mac_certificate")["msg"]


def test_no_secret_leaves_its_place(site: Site) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

    by_hand(site)
    mac = site.lab.add_mac("mac-anna", sudo="password")
    unlock = mac.accounts["anna"].password
    noisy = {"ANSIBLE_LOG_PATH": str(site.folder / "ansible.log"), "ANSIBLE_DEBUG": "1"}
    outputs = [site.play("-vvvv", "--diff", env=noisy)]
    site.variables["user_vpn_keychain"] = "login"
    outputs.append(site.play("-vvvv", "--diff", env=noisy))
    sealed = site.sealed_identity("mac-anna")
    (site.folder / "own").mkdir()
    (site.folder / "own/mac-anna.p12").write_bytes(sealed.pkcs12)
    secret = {"P12_PASSWORD": sealed.password}
    playbook = module(
        site,
        keychain="login",
        keychain_password="{{ lookup('ansible.builtin.env', 'UNLOCK') }}",
        identity={
            "pkcs12_path": str(site.folder / "own/mac-anna.p12"),
            "password": "{{ lookup('ansible.builtin.env', 'P12_PASSWORD') }}",
        },
    )
    outputs.append(site.play("-vvvv", "--diff", playbook=playbook, env=noisy | secret | {"UNLOCK": unlock}))
    assert len(mac.keychain("anna")) == 1

    raw, password = sealed.pkcs12, sealed.password.encode()
    key, _certificate, _others = pkcs12.load_key_and_certificates(raw, password)
    assert key is not None
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    values = {
        "passphrase": [PASSPHRASE.encode()],
        "password": [password],
        "unlock": [unlock.encode()],
        "file": forms(raw),
        "key": forms(der),
    }
    places = [(f"output {number}", run.output.encode()) for number, run in enumerate(outputs)]
    places += haystack(site.folder, allowed=[site.folder / "own"])
    places += [(f"disk: {name}", content) for name, content in mac.files()]
    places += [("process", "\0".join(argv).encode()) for argv in mac.processes]
    places += [("exec", record.command.encode()) for record in mac.execs]
    places += [("answer", record.stdout + record.stderr) for record in mac.execs]
    assert [
        (name, place)
        for place, content in places
        for name, needles in values.items()
        if any(n in content for n in needles)
    ] == []
    # Nor does the password of the moment: `security` takes it from standard input alone.
    assert not [argv for argv in mac.processes if argv[0].endswith("security") and "-P" in argv]


@pytest.mark.parametrize("version", RELEASES.values())
@pytest.mark.soak("12.7", "14.4", "26.1")
def test_in_the_profile_the_site_says_what_it_verified(site: Site, version: str) -> None:
    mac = site.lab.add_mac("mac-anna", macos=version, person="ignores")
    site.variables["user_vpn_wait"] = 1
    waiting = site.play()
    assert_ended_well(waiting)
    assert waiting.of("mac_profile")["status"] == "pending_approval"
    assert "waits for anna to approve it" in waiting.of("mac_profile")["msg"]
    assert "waiting for approval: mac-anna. Each person approves the profile in System" in waiting.said

    mac.person = "approves"
    site.variables["user_vpn_wait"] = 20
    done = site.play()
    assert_ended_well(done)
    client = fingerprint(site.pem(issued(done, "mac-anna")["sha1"]))
    assert done.of("mac_profile")["msg"] == (
        "'Contoso VPN' is installed, with the client certificate and the gateway root in the keychain."
    )
    assert done.of("mac_profile")["missing_certificates"] == []
    assert set(held(mac)) == {client, root_sha1(site)}
    assert not [entry for entry in done.results if entry["action"].endswith("mac_certificate")]


@pytest.mark.soak
def test_what_was_not_looked_at_is_not_called_verified(site: Site) -> None:
    site.lab.add_mac("mac-anna")
    predicted = site.play("--check")
    assert "The profile is not rendered yet" in predicted.of("mac_profile")["msg"]
    assert "current" not in predicted.stdout
    run = site.play("-e", "user_vpn_verify=none")
    assert_ended_well(run)
    assert "exported: mac-anna. Bring the profiles onto these Macs: they were not asked." in run.said
    assert "current" not in run.stdout
