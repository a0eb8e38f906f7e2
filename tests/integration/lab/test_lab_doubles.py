# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the doubles say, called directly; the ssh tests show that they say it over ssh too."""

from __future__ import annotations

import base64
import json
import plistlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lab_samples as samples
import pytest

from ansible_collections.vwan.user_vpn.tests.lab import Mac

NewMac = Callable[..., Mac]
Say = Callable[..., Any]
SYSTEM = "/Library/Keychains/System.keychain"


@pytest.fixture
def mac(new_mac: NewMac) -> Mac:
    """A Mac whose person does nothing."""
    return new_mac(person="ignores")


def store(mac: Mac, name: str, content: bytes) -> str:
    """Put a file of root's into /Users/Shared and return its path there."""
    path = f"/Users/Shared/{name}"
    mac.put_file(path, content)
    return path


def test_who_and_where(mac: Mac, say: Say) -> None:
    assert say(mac, "id", "-u", "anna").out == "502\n"
    assert say(mac, "id", "-u", "nobody-here").err == "id: nobody-here: no such user\n"
    assert say(mac, "whoami", user="anna").out == "anna\n"
    assert say(mac, "stat", "-f", "%Su:%Sg:%Lp", "/Users/anna").out == "anna:staff:750\n"
    assert say(mac, "stat", "-f", "%Su %u", "/dev/console").out == "anna 502\n"
    assert say(mac, "stat", "-f", "%Su", "/nowhere").code == 1
    assert say(mac, "scutil", stdin=b"show State:/Users/ConsoleUser\n").out.count("anna") == 2
    assert say(mac, "dscl", ".", "-read", "/Users/anna", "NFSHomeDirectory").out.endswith("/disk/Users/anna\n")
    assert mac.refusals == []
    assert say(mac, "stat", "-c", "%U", "/").code == 1
    assert say(mac, "id", "--user").code == 1
    assert len(mac.refusals) == 2


def test_releases_tell_their_versions(new_mac: NewMac, say: Say) -> None:
    for version, build in (("11.7", "20G817"), ("26.1", "25B78"), ("27.0", "26A428")):
        mac = new_mac(macos=version)
        assert (
            say(mac, "sw_vers").out
            == f"ProductName:\t\tmacOS\nProductVersion:\t\t{version}\nBuildVersion:\t\t{build}\n"
        )
        assert say(mac, "sw_vers", "-productVersion").out == version + "\n"
    assert (mac.bin / "shortcuts").exists() and not (new_mac(macos="11.7").bin / "shortcuts").exists()
    assert new_mac(macos="15.2").release.secpkcs12import
    with pytest.raises(ValueError, match="knows no macOS"):
        new_mac(macos="10.15")


def test_serial_number_in_two_ways(mac: Mac, say: Say) -> None:
    assert f'"IOPlatformSerialNumber" = "{mac.serial}"' in say(mac, "ioreg", "-rd1", "-c", "IOPlatformExpertDevice").out
    hardware = json.loads(say(mac, "system_profiler", "SPHardwareDataType", "-json").out)["SPHardwareDataType"][0]
    assert hardware["serial_number"] == mac.serial and mac.refusals == []


def test_profiles_install_is_gone(new_mac: NewMac, say: Say) -> None:
    for version, app in (("12.7", "System Preferences"), ("13.6", "System Settings")):
        answer = say(new_mac(macos=version), "profiles", "install", "-path", "x")
        text = f"profiles tool no longer supports installs.  Use {app} Profiles to add configuration profiles.\n"
        assert (answer.code, answer.out, answer.err) == (1, text, "")


def test_profiles_show_by_scope_and_privilege(mac: Mac, say: Say) -> None:
    show = ("profiles", "show", "-type", "configuration")
    nothing = say(mac, *show, "-output", "stdout-xml").out
    assert plistlib.loads(nothing[: nothing.index("</plist>") + 8].encode()) == {} and "There are no" in nothing
    for style, expected in (("plist", "</plist>\n"), ("nothing", ""), ("text", "in the system domain\n")):
        mac.show_nothing = style
        assert say(mac, *show, "-output", "stdout-xml").out.endswith(expected)
    mac.push_profile(samples.packed(samples.profile()))
    mac.download(samples.packed(samples.profile(PayloadScope="User", PayloadIdentifier="com.example.other")), "anna")
    mac.approve()
    found = plistlib.loads(say(mac, *show, "-output", "stdout-xml", "-all").out.encode())
    assert found.keys() == {"_computerlevel", "anna"}
    (system,) = found["_computerlevel"]
    assert system["ProfileIdentifier"] == samples.IDENTIFIER and len(system["ProfileItems"]) == 3
    assert system["ProfileItems"][1]["PayloadContent"]["Password"] == samples.PASSWORD
    assert plistlib.loads(say(mac, *show, "-output", "stdout-xml").out.encode()).keys() == {"_computerlevel"}
    assert plistlib.loads(say(mac, *show, "-output", "stdout-xml", user="anna").out.encode()).keys() == {"anna"}
    assert say(mac, *show, "-user", "anna", user="admin").code == 1
    text = say(mac, "profiles", "list", "-all").out
    assert f"_computerlevel[1] attribute: profileIdentifier: {samples.IDENTIFIER}\n" in text
    assert mac.refusals == []
    answer = say(mac, "profiles", "show", "--output", "stdout-xml")
    assert answer.code == 1 and answer.err == "" and mac.refusals


def test_profiles_remove_respects_who_owns_it(mac: Mac, say: Say) -> None:
    remove = ("profiles", "remove", "-identifier", samples.IDENTIFIER)
    assert "could not be found" in say(mac, *remove).out
    mac.push_profile(samples.packed(samples.profile()))
    assert say(mac, *remove).code == 1
    mac.remove_profile(samples.IDENTIFIER)
    mac.download(samples.packed(samples.profile(PayloadRemovalDisallowed=True)), "anna")
    mac.approve()
    assert say(mac, *remove).code == 1
    mac.download(samples.packed(samples.profile(PayloadScope="User")), "anna")
    mac.approve()
    user = ("-type", "configuration", "-user", "anna", "-forced")
    assert say(mac, *remove, *user, user="admin").code == 1
    assert say(mac, *remove, *user).code == 0
    assert [found["user"] for found in mac.installed_profiles()] == [None]


def test_enrolment(new_mac: NewMac, say: Say) -> None:
    status = ("profiles", "status", "-type", "enrollment")
    assert say(new_mac(), *status).out == "Enrolled via DEP: No\nMDM enrollment: No\n"
    assert "MDM enrollment: Yes (User Approved)" in say(new_mac(mdm=True), *status).out


@pytest.mark.parametrize(
    "case",
    [
        ("14.4", False, (), 0),
        ("14.4", False, ("-f", "pkcs12"), 0),
        ("14.4", True, (), 1),
        ("14.4", True, ("-f", "pkcs12"), 1),
        ("15.5", False, (), 0),
        ("15.5", True, (), 1),
        ("15.5", True, ("-f", "pkcs12"), 0),
    ],
)
def test_import_takes_what_the_release_takes(
    new_mac: NewMac, say: Say, case: tuple[str, bool, tuple[str, ...], int]
) -> None:
    release, modern, options, code = case
    mac = new_mac(macos=release)
    file = store(mac, "id.p12", samples.identity(modern=modern))
    command = ("security", "import", file, "-k", SYSTEM, "-P", samples.PASSWORD, *options)
    answer = say(mac, *command)
    assert answer.code == code, answer
    assert len(mac.keychain("system")) == 1 - code
    quiet = mac.release.secpkcs12import and "-f" in options
    if code:
        assert "MAC verification failed during PKCS12 import (wrong password?)" in answer.err
    else:
        assert answer.out == ("" if quiet else "1 identity imported.\n")
        again = say(mac, *command)
        assert again.code == (0 if quiet else 1) and ("already exists" in again.err) == (not quiet)
    assert mac.refusals == []


def test_import_needs_rights(mac: Mac, say: Say) -> None:
    file = store(mac, "id.p12", samples.identity())
    command = ("security", "import", file, "-P", samples.PASSWORD)
    assert "Write permissions error" in say(mac, *command, "-k", SYSTEM, user="admin").err
    login = mac.accounts["anna"].home + "/Library/Keychains/login.keychain-db"
    answer = say(mac, *command, "-k", login, user="anna")
    assert (answer.code, answer.err) == (1, "security: SecKeychainItemImport: User interaction is not allowed.\n")
    assert say(mac, "security", "unlock-keychain", login, user="anna", stdin=b"wrong\n").code == 51
    assert say(mac, "security", "unlock-keychain", login, user="anna", stdin=b"password of anna\n").code == 0
    assert say(mac, *command, "-k", login, "-x", "-T", "/usr/libexec/nehelper", user="anna").code == 0
    assert mac.keychain("anna")[0]["access"] == ("security", "nehelper")
    wrong = say(mac, "security", "import", file, "-k", SYSTEM, "-P", "wrong")
    assert wrong.code == 1 and samples.PASSWORD not in wrong.err


def test_interactive_security_keeps_secrets_off_the_command_line(mac: Mac, say: Say) -> None:
    file = store(mac, "id.p12", samples.identity())
    line = f"import \"{file}\" -k {SYSTEM} -P '{samples.PASSWORD}'\n"
    answer = say(mac, "security", "-i", stdin=line.encode() + b"\nfind-certificate -c mac-anna -Z\n")
    assert answer.code == 0 and "1 identity imported.\nSHA-256 hash: " in answer.out
    answer = say(mac, "security", "-i", stdin=b"find-certificate -c nobody\n")
    assert answer.code == 44 and answer.err.endswith("find-certificate: returned 44\n")


def test_finding_certificates_and_identities(mac: Mac, say: Say) -> None:
    mac.push_profile(samples.packed(samples.profile()))
    sha1 = mac.keychain("system")[1]["sha1"]
    assert f"SHA-1 hash: {sha1}\n" in say(mac, "security", "find-certificate", "-a", "-Z", SYSTEM).out
    pem = say(mac, "security", "find-certificate", "-c", "MAC-an", "-p", SYSTEM, user="anna").out
    assert base64.b64decode("".join(pem.splitlines()[1:-1])) == samples.der(samples.certificate("mac-anna"))
    missing = say(mac, "security", "find-certificate", "-c", "nobody")
    assert (missing.code, missing.out) == (44, "")
    assert say(mac, "security", "find-certificate", "-a", "-c", "nobody").code == 0
    both = say(mac, "security", "find-identity", "-p", "ipsec", SYSTEM).out
    assert both == (
        f'\nPolicy: IPSec\n  Matching identities\n  1) {sha1} "mac-anna"\n     1 identities found\n\n'
        f'  Valid identities only\n  1) {sha1} "mac-anna"\n     1 valid identities found\n\n'
    )
    mac.remove_profile(samples.IDENTIFIER)
    file = store(mac, "id.p12", samples.identity())
    say(mac, "security", "import", file, "-k", SYSTEM, "-P", samples.PASSWORD)
    assert say(mac, "security", "find-identity", "-v", "-p", "ipsec").out == "     0 valid identities found\n"
    assert f'{sha1} "mac-anna" (CSSMERR_TP_NOT_TRUSTED)' in say(mac, "security", "find-identity", "-p", "ipsec").out
    assert say(mac, "security", "delete-identity", "-Z", sha1, SYSTEM, user="admin").code == 1
    assert say(mac, "security", "delete-identity", "-Z", sha1, SYSTEM).code == 0
    gone = say(mac, "security", "delete-identity", "-Z", sha1, SYSTEM)
    assert gone.code == 1 and "Unable to delete certificate matching" in gone.err
    assert mac.refusals == []
    assert say(mac, "security", "find-identity", "-p", "vpn").code == 2
    assert say(mac, "security", "find-generic-password", "-w").code == 1
    assert len(mac.refusals) == 2


def test_trust_only_comes_by_profile(new_mac: NewMac, say: Say) -> None:
    for release, loophole in (("14.4", True), ("15.5", False)):
        mac = new_mac(macos=release)
        file = store(mac, "root.cer", samples.der(samples.certificate("Root", "Root")))
        trust = ("security", "add-trusted-cert", "-d", "-r", "trustRoot", "-k", SYSTEM, file)
        answer = say(mac, *trust)
        assert answer.code == 1 and "The authorization was denied since no user interaction was possible." in answer.err
        assert len(mac.keychain("system")) == 1  # in the keychain all the same
        assert say(mac, "security", "dump-trust-settings", "-d").code == 1
        say(mac, "security", "authorizationdb", "write", "com.apple.trust-settings.admin", "allow")
        assert (say(mac, *trust).code == 0) == loophole
        verify = say(mac, "security", "verify-cert", "-c", file, "-p", "IPSec", "-L")
        assert (verify.code == 0) == loophole
        assert ("Cert 0: Root" in say(mac, "security", "dump-trust-settings", "-d").out) == loophole
    mac.push_profile(samples.packed(samples.profile()))
    leaf = store(mac, "leaf.cer", samples.der(samples.certificate("gateway")))
    assert say(mac, "security", "verify-cert", "-c", leaf, "-p", "IPSec", "-n", "gateway").code == 0
    assert say(mac, "security", "verify-cert", "-c", leaf, "-p", "IPSec", "-n", "other").code == 1


def test_security_unwraps_a_signed_profile(mac: Mac, say: Say, tmp_path: Path) -> None:
    raw = samples.packed(samples.profile())
    file = store(mac, "signed.mobileconfig", samples.signed(raw, tmp_path))
    assert say(mac, "security", "cms", "-D", "-i", file).out.encode() == raw
    assert say(mac, "security", "cms", "-D", "-i", store(mac, "x", b"x")).code == 1


def test_the_tunnel_shows_where_it_shows(mac: Mac, say: Say) -> None:
    assert say(mac, "ifconfig", "-l").out == "lo0 en0 utun0\n"
    assert say(mac, "ifconfig", "ipsec0").err == "ifconfig: interface ipsec0 does not exist\n"
    assert say(mac, "pgrep", "-x", "NEIKEv2Provider").code == 1
    mac.tunnel = {"interface": "ipsec0", "address": "172.16.0.9", "dns": ["10.0.0.4"], "routes": ["10.0/16"]}
    assert "\tinet 172.16.0.9 --> 172.16.0.9 netmask" in say(mac, "ifconfig", "ipsec0").out
    assert "nameserver[0] : 10.0.0.4" in say(mac, "scutil", "--dns").out
    assert "10.0/16" in say(mac, "netstat", "-rn").out
    assert say(mac, "pgrep", "-x", "NEIKEv2Provider").code == 0
    mac.push_profile(samples.packed(samples.profile()))
    assert say(mac, "scutil", "--nc", "list").out.count("\n") == 1  # IKEv2 is not listed
    assert say(mac, "scutil", "--nc", "start", "User VPN").err == "No service\n"


def test_a_tunnel_in_full_shows_as_macos_shows_it(mac: Mac, say: Say) -> None:
    routes = ["10.20.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "192.168.4.0/24", "192.168.4.32/27", "0.0.0.0/0"]
    names = {"search_domains": ["corp.example"], "match_domains": ["corp.example", "lab.example"]}
    tunnel = {"interface": "ipsec0", "address": "172.16.0.9", "mtu": 1300, "dns": ["10.0.0.4"], "routes": routes}
    mac.tunnel = tunnel | names
    shown = [line.split()[0] for line in say(mac, "netstat", "-rn").out.splitlines() if line.endswith("ipsec0")]
    assert shown == ["10.20/16", "10", "172.16/12", "192.168.4", "192.168.4.32/27", "default", "172.16.0.9"]
    assert "mtu 1300\n" in say(mac, "ifconfig", "ipsec0").out
    dns = say(mac, "scutil", "--dns").out
    assert dns.count("resolver #") == 3
    assert (
        "resolver #3\n  domain   : lab.example\n  search domain[0] : corp.example\n  nameserver[0] : 10.0.0.4\n" in dns
    )


def test_starting_a_service(new_mac: NewMac, say: Say) -> None:
    mac = new_mac(vpnutil=True)
    assert (mac.disk / "opt/homebrew/bin/vpnutil").is_symlink()
    assert say(mac, "vpnutil", "list").out == "{}\n"
    assert say(mac, "vpnutil", "start", "User VPN").err == "Could not find User VPN\n"
    mac.push_profile(samples.packed(samples.profile()))
    assert say(mac, "vpnutil", "start", "User VPN").code == 0
    assert say(mac, "vpnutil", "status", "User VPN").out == "User VPN Connected\n"
    say(mac, "vpnutil", "stop", "User VPN")
    mac.shortcuts["Up"] = lambda mac: mac.connect("User VPN")
    session = {"user": "anna", "session": 502}
    assert say(mac, "shortcuts", "list", **session).out == "Up\n"
    missing = say(mac, "shortcuts", "run", "Down", **session)
    assert missing.code == 0 and "find shortcut" in missing.err
    assert say(mac, "shortcuts", "run", "Up", user="anna").code == 0 and mac.tunnel is None
    assert say(mac, "shortcuts", "run", "Up", **session).code == 0 and mac.tunnel


def test_traffic_starts_what_on_demand_says(mac: Mac, say: Say) -> None:
    assert say(mac, "ping", "10.0.0.4").code == 64  # it would never end
    assert mac.refusals
    rules = [
        {
            "Action": "EvaluateConnection",
            "ActionParameters": [{"Domains": ["corp.example.com"], "DomainAction": "ConnectIfNeeded"}],
        }
    ]
    for switch, host, code in ((0, "a.corp.example.com", 2), (1, "www.example.org", 2), (1, "a.corp.example.com", 0)):
        content = samples.profile()
        vpn = next(found for found in content["PayloadContent"] if found["PayloadType"] == "com.apple.vpn.managed")
        vpn["IKEv2"] |= {"OnDemandEnabled": switch, "OnDemandRules": rules}
        mac.push_profile(samples.packed(content))
        assert say(mac, "ping", "-c", "1", "-t", "1", host).code == code
        assert bool(mac.tunnel) is (code == 0)


def test_plutil_and_base64(new_mac: NewMac, say: Say) -> None:
    mac, old = new_mac(), new_mac(macos="11.7")
    raw = plistlib.dumps({"a.b": {"c": [True, b"xyz"]}})
    assert say(mac, "plutil", "-lint", "-", stdin=raw).out == "<stdin>: OK\n"
    assert say(mac, "plutil", "-lint", "-", stdin=b"x").code == 1
    extract = ("plutil", "-extract", "a\\.b.c.0", "raw", "-o", "-", "-")
    assert say(mac, *extract, stdin=raw).out == "true\n"
    assert say(old, *extract, stdin=raw).code == 1 and old.refusals
    assert say(mac, "plutil", "-convert", "json", "-o", "-", "-", stdin=raw).code == 1
    assert plistlib.loads(say(mac, "plutil", "-convert", "xml1", "-o", "-", "-", stdin=raw).out.encode()) == {
        "a.b": {"c": [True, b"xyz"]}
    }
    assert say(mac, "base64", stdin=b"x" * 100).out == base64.b64encode(b"x" * 100).decode() + "\n"
    assert say(mac, "base64", "-D", stdin=b"eHk=").out == "xy"
    assert mac.refusals == []


def test_small_ones(mac: Mac, say: Say) -> None:
    assert say(mac, "xcode-select", "-p").code == 2
    assert say(mac, "openssl", "version").out == "LibreSSL 3.3.6\n"
    assert say(mac, "defaults", "read", "com.example", "x").code == 1
    assert len(say(mac, "uuidgen").out) == 37
    assert say(mac, "log", "show", "--last", "1m", user="admin").code == 1
    mac.log_lines.append("a line")
    assert say(mac, "log", "show", "--last", "1m").out.endswith("a line\n")
    assert mac.refusals == []
    assert say(mac, "launchctl", "bootout", "gui/502").code == 64
    assert say(mac, "chown", "anna", "/Users/Shared", user="admin").code == 1
    assert say(mac, "chown", "anna", "/Users/Shared").code == 0
    assert mac.owner(mac.disk / "Users/Shared") == "anna"
