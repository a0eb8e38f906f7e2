# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is decided of a Mac, below the actions: the next exec, and what has come of it."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac import key, profile, tunnel
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.answer import (
    InstalledProfile,
    MacError,
    MacState,
    facts,
    read_answer,
    recalled,
)
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.shell import Exec

NEW, OLD = "5C1D8A4E", "0A0B0C0D"
HERE = read_answer("begin m\nuser=root\nuid=0\nconsole_user=anna\nmacos_version=15.5\nend m\n", "m")
WANTED = profile.Wanted("com.example.vpn", "System", "Contoso VPN", profile.APPROVE, NEW, frozenset({"AB"}))


def with_profile(uuid: str, state: MacState = HERE, scope: str = "System", **more: Any) -> MacState:
    shown = InstalledProfile(uuid, scope, "2026-01-01", "unsigned", (("Contoso VPN", False),))
    return dataclasses.replace(state, profiles=(shown,), **more)


def mac(state: MacState = HERE, **changes: Any) -> MacState:
    return dataclasses.replace(state, **changes)


# -- what was told before --------------------------------------------------------------------------------------------

TOLD = facts(
    mac(
        with_profile(OLD),
        serial_number="C02TEST",
        enrolled_by_mdm=True,
        certificates=frozenset({"AB" * 20}),
        identities=frozenset({"AB" * 20}),
        tunnels=(("ipsec0", "10.9.8.7"), ("ipsec1", "10.9.8.8")),
    )
)


@pytest.mark.parametrize("state", [HERE, with_profile(NEW, mac(uid=501)), mac(tunnels=(("ipsec0", "10.9.8.7"),))])
def test_what_a_module_told_of_a_mac_is_the_mac(state: MacState) -> None:
    found = recalled(facts(state) | {"failed": False, "msg": "x"})
    assert found is not None and facts(found) == facts(state)
    assert (found.privileged, found.console_user) == (state.privileged, state.console_user)
    keyed = recalled(facts(state) | {"key_on_disk": True})
    assert keyed is not None and keyed.has_key
    assert recalled({}) is None and recalled({"skipped": True}) is None


@pytest.mark.parametrize("name", [name for name in TOLD if name != "tunnel"])
@pytest.mark.parametrize("value", [None, 7, "x", ["x"], {"x": "y"}, [[]]])
def test_what_no_module_told_is_no_mac(name: str, value: Any) -> None:
    if value == ("x" if isinstance(TOLD[name], str) else ["x"] if isinstance(TOLD[name], list) else ...):
        assert recalled(TOLD | {name: value})
    else:
        with pytest.raises(MacError, match="known is not what mac_info, mac_profile or mac_key returned"):
            recalled(TOLD | {name: value})
    with pytest.raises(MacError, match="known is not what"):
        recalled({key: told for key, told in TOLD.items() if key != name})


# -- a profile -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "changes", "status"),
    [
        (with_profile(NEW), {}, "installed"),
        (with_profile(NEW), {"delivery": profile.MDM}, "installed"),
        (HERE, {"delivery": profile.MDM}, "mdm_required"),
        (HERE, {}, "pending_approval"),
        (with_profile(OLD), {}, "pending_approval"),
        (with_profile(NEW, scope="User"), {}, "pending_approval"),
        (mac(console_user=""), {}, "no_console_user"),
        (HERE, {"key_on_mac": True}, "key_wanted"),
        (mac(console_user=""), {"key_on_mac": True}, "key_wanted"),
        (with_profile(OLD, has_key=True), {"key_on_mac": True, "uuid": ""}, "key_wanted"),
        (mac(has_key=True), {"key_on_mac": True}, "pending_approval"),
        (with_profile(NEW), {"key_on_mac": True}, "installed"),
    ],
)
def test_where_a_mac_stands(state: MacState, changes: dict[str, Any], status: str) -> None:
    wanted = dataclasses.replace(WANTED, **changes)
    assert profile.verdict(wanted, state, "", asked=True) == status
    looked = profile.verdict(wanted, state, "anna", asked=True)
    assert looked == ("installed" if status == "installed" else "pending_approval")


def test_what_is_sent() -> None:
    step = profile.stage(WANTED, HERE, b"profile", "kTOKEN", "mac-anna 1234")
    assert step == Exec(
        "stage",
        {
            "identifier": "com.example.vpn", "scope": "System", "uuid": NEW, "pane": HERE.release.pane,
            "settle": 10, "token": "kTOKEN", "name": "mac-anna 1234",
        },
        b"profile",
    )  # fmt: skip
    assert b"profile" not in repr(step).encode()  # which a traceback may show


@pytest.mark.parametrize(
    ("before", "after", "offers", "status", "changed"),
    [
        (HERE, mac(stage="opened"), True, "pending_approval", True),
        (HERE, with_profile(NEW, stage="opened", fingerprints=frozenset({"AB"})), True, "installed", True),
        (HERE, None, True, "pending_approval", True),  # check mode
        # The person has left between the two execs: nothing was offered.
        (HERE, mac(stage="no_console_user", console_user=""), True, "no_console_user", False),
        (HERE, mac(stage="cannot_complete"), True, "key_wanted", False),
        (
            HERE,
            mac(stage="cannot_complete", has_key=True, message="No certificate matches private key"),
            True,
            "key_wanted",
            False,
        ),
        (with_profile(NEW, dropped=True), None, False, "installed", True),
        (with_profile(NEW, has_key=True), None, False, "installed", True),  # check mode
        (with_profile(NEW), None, False, "installed", False),
        (mac(console_user=""), None, False, "no_console_user", False),
        (mac(console_user="", leftover="anna"), None, False, "no_console_user", True),
        (mac(console_user="", leftover="anna", stuck=True), None, False, "no_console_user", False),
        (HERE, None, False, "pending_approval", False),
    ],
)
def test_what_has_come_of_it(
    before: MacState, after: MacState | None, offers: bool, status: str, changed: bool
) -> None:
    if after:
        assert profile.offered(WANTED, before, after, asked=True) == status
    outcome = profile.told(WANTED, status, before, after, "anna" if status == "pending_approval" else "", offers=offers)
    assert (outcome.result["status"].replace("incomplete", "installed"), outcome.result["changed"]) == (status, changed)
    assert outcome.result["offered_to"] == ("anna" if status == "pending_approval" else "")
    state = after or before
    lacking = status == "installed" and "AB" not in state.fingerprints
    assert outcome.result["missing_certificates"] == (["AB"] if lacking else [])
    assert bool(outcome.warning) is (outcome.result["status"] == "incomplete") is lacking
    assert (outcome.before, outcome.after) == (NEW if before.profiles else "", NEW)


def test_why_a_profile_could_not_be_completed() -> None:
    after = mac(stage="cannot_complete", has_key=True, message="sed: /var/root: No space left on device")
    with pytest.raises(MacError, match=r"not complete the profile: sed: /var/root: No space left on device\.$"):
        profile.offered(WANTED, HERE, after, asked=True)


def test_a_removal() -> None:
    assert profile.removal("a.b", "System", HERE) is None
    assert profile.removal("a.b", "System", with_profile(OLD, scope="User")) is None
    there = with_profile(OLD, has_key=True)
    step = profile.removal("a.b", "System", there)
    assert step == Exec("remove", {"identifier": "a.b", "scope": "System"})
    assert profile.removed("a.b", "System", there, step, HERE).result["changed"] is True
    assert profile.removed("a.b", "System", HERE, None, None).result["changed"] is False
    with pytest.raises(MacError, match=r"macOS kept the profile a\.b: it is locked"):
        profile.removed("a.b", "System", there, step, mac(there, message="it is locked"))


# -- a key -----------------------------------------------------------------------------------------------------------


def request(private: Any, **changes: Any) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(private, SHA256()).public_bytes(Encoding.PEM).decode()


def test_the_public_key_is_what_the_library_says() -> None:
    for bits in (2048, 3072):
        private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        spki = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        state = mac(csr=request(private), has_key=True)
        assert key.public_key(state, bits) == hashlib.sha256(spki).hexdigest().upper()
        assert key.public_key(state, 4096) == ""
    assert key.public_key(mac(csr=request(ec.generate_private_key(ec.SECP256R1()))), 2048) == ""


@given(st.text() | st.binary().map(lambda data: f"-----\n{base64.b64encode(data).decode()}\n-----\n"))
def test_no_request_breaks_it(text: str) -> None:
    assert key.public_key(mac(csr=text), 2048) == ""


# -- a tunnel --------------------------------------------------------------------------------------------------------

TUNNEL = {"connected": True, "interface": "ipsec0", "address": "172.16.0.2", "others": []}


@pytest.mark.parametrize(
    "known",
    [
        {"tunnel": None},
        {"tunnel": "up"},
        {"tunnel": []},
        {"tunnel": {}},
        {"tunnel": {"connected": True}},
        {"tunnel": TUNNEL | {"address": "9" * 5000}},
        {"tunnel": TUNNEL | {"others": [{"address": "x"}]}},
        {"tunnel": TUNNEL | {"others": 7}},
        {"tunnel": TUNNEL, "profile": ["x"]},
        {"tunnel": TUNNEL, "profile": {"connection_names": [7]}},
    ],
)
def test_what_no_module_has_told_is_refused(known: dict[str, Any]) -> None:
    with pytest.raises(UserVpnError, match="known is not what mac_info, mac_profile or mac_key returned"):
        tunnel.recalled(known)


def test_what_a_module_has_told_is_taken() -> None:
    assert tunnel.recalled({}) is None
    assert tunnel.recalled({"status": "installed"}) is None
    assert tunnel.recalled({"tunnel": TUNNEL, "profile": {}}) == {"tunnel": TUNNEL, "profile": {}}


def test_who_may_look_at_a_tunnel() -> None:
    tunnel.require({"privileged": True}, "System")
    tunnel.require({}, "User")
    with pytest.raises(UserVpnError, match="Only root"):
        tunnel.require({}, "System")


def test_how_it_is_switched() -> None:
    wish, way = tunnel.Wish(probe="10.0.0.4"), tunnel.Plan("vpnutil", "Contoso VPN")
    known = {"profile": {"connection_names": ["Contoso VPN"]}}
    step = tunnel.switch(known, wish, way, identifier="a.b", scope="System", others=["1.2.3.4", "1.2.3.5"], timeout=-1)
    usual = {
        "identifier": "a.b", "scope": "System", "how": "vpnutil", "name": "Contoso VPN", "limit": 0,
        "others": "1.2.3.4 1.2.3.5", "probe": "10.0.0.4",
    }  # fmt: skip
    assert step == Exec("connect", usual | {"vpn": "Contoso VPN"})
    down = tunnel.switch(
        known, tunnel.Wish(connect=False), way, identifier="a.b", scope="System", others=[], timeout=30
    )
    assert down == Exec("disconnect", usual | {"limit": 30, "others": "", "probe": ""})
