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
    read_answer,
)
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.shell import Exec
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.completing import Unfinished
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.reading import ReadProfile

NEW, OLD = "5C1D8A4E", "0A0B0C0D"
HERE = read_answer("begin m\nuser=root\nuid=0\nconsole_user=anna\nmacos_version=15.5\nend m\n", "m")
PROFILE = ReadProfile("com.example.vpn", NEW, "System", "Contoso VPN", frozenset({"AB"}))
ON_MAC = dataclasses.replace(PROFILE, unfinished=Unfinished("mac-anna 1234", "kTOKEN", b"certificate and profile"))


def with_profile(uuid: str, state: MacState = HERE, scope: str = "System", **more: Any) -> MacState:
    shown = InstalledProfile(uuid, scope, "2026-01-01", "unsigned", (("Contoso VPN", False),))
    return dataclasses.replace(state, profiles=(shown,), **more)


def mac(state: MacState = HERE, **changes: Any) -> MacState:
    return dataclasses.replace(state, **changes)


# -- a profile -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "delivery", "verb"),
    [
        (with_profile(NEW), profile.APPROVE, None),
        (with_profile(NEW), profile.MDM, None),
        (with_profile(NEW, has_key=True), profile.APPROVE, "drop_key"),
        (HERE, profile.MDM, None),
        (HERE, profile.APPROVE, "stage"),
        (with_profile(OLD), profile.APPROVE, "stage"),
        (with_profile(NEW, scope="User"), profile.APPROVE, "stage"),
        (mac(console_user=""), profile.APPROVE, None),
    ],
)
def test_what_is_done_for_a_profile(state: MacState, delivery: str, verb: str | None) -> None:
    step = profile.offer(PROFILE, b"profile", state, delivery, 7)
    assert (step.verb if step else None) == verb
    if verb == "stage":
        assert step == Exec(
            "stage",
            {
                "identifier": "com.example.vpn", "scope": "System", "uuid": NEW, "pane": HERE.release.pane,
                "wait": 7, "settle": 10, "token": "", "name": "",
            },
            b"profile",
        )  # fmt: skip
        assert b"profile" not in repr(step).encode()  # which a traceback may show


def test_a_profile_whose_key_is_on_the_mac_is_sent_as_the_mac_takes_it() -> None:
    step = profile.offer(ON_MAC, b"profile", mac(has_key=True), profile.APPROVE, 0)
    assert step is not None
    assert (step.stdin, step.arguments["token"], step.arguments["name"]) == (
        b"certificate and profile", "kTOKEN", "mac-anna 1234",
    )  # fmt: skip
    with pytest.raises(MacError, match="run mac_key"):
        profile.offer(ON_MAC, b"profile", HERE, profile.APPROVE, 0)
    with pytest.raises(MacError, match="no MDM can deliver"):
        profile.offer(ON_MAC, b"profile", with_profile(NEW), profile.MDM, 0)


STAGE, DROP = Exec("stage", {}), Exec("drop_key", {})


@pytest.mark.parametrize(
    ("before", "step", "after", "status", "changed"),
    [
        (HERE, STAGE, mac(stage="opened"), "pending_approval", True),
        (HERE, STAGE, with_profile(NEW, stage="opened", fingerprints=frozenset({"AB"})), "installed", True),
        (HERE, STAGE, None, "pending_approval", True),  # check mode
        # The person has left between the two execs: nothing was offered.
        (HERE, STAGE, mac(stage="no_console_user", console_user=""), "no_console_user", False),
        (with_profile(NEW, has_key=True), DROP, with_profile(NEW), "installed", True),
        (with_profile(NEW, has_key=True), DROP, None, "installed", True),
        (with_profile(NEW), None, None, "installed", False),
        (mac(console_user=""), None, None, "no_console_user", False),
        (mac(console_user="", leftover="anna"), None, None, "no_console_user", True),
        (mac(console_user="", leftover="anna", stuck=True), None, None, "no_console_user", False),
    ],
)
def test_what_has_come_of_it(
    before: MacState, step: Exec | None, after: MacState | None, status: str, changed: bool
) -> None:
    outcome = profile.installed(PROFILE, profile.APPROVE, before, step, after)
    assert (outcome.result["status"], outcome.result["changed"]) == (status, changed)
    state = after or before
    lacking = status == "installed" and "AB" not in state.fingerprints
    assert outcome.result["missing_certificates"] == (["AB"] if lacking else [])
    assert bool(outcome.warning) is lacking
    assert (outcome.before, outcome.after) == (NEW if before.profiles else "", NEW)


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
    with pytest.raises(UserVpnError, match="known is not what mac_info or mac_profile returned"):
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
