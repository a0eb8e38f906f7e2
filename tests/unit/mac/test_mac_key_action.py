# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When mac_key has a Mac make a key, keeps the one that is there, and takes it away."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from ansible_collections.vwan.user_vpn.tests.unit.mac.answering import IDENTIFIER, AnsweringMac, installed

ARGS: dict[str, Any] = {"identifier": IDENTIFIER}
UUID = "5C1D8A4E-6A0B-5D0F-9A53-0C6E0B8E9D11"


class Key:
    """What a Mac says of a key on its disk, and what is to be told of it."""

    def __init__(self, bits: int = 2048) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vwan.user_vpn")])
        request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, SHA256())
        self.csr = request.public_bytes(Encoding.PEM).decode()
        self.said: dict[str, Any] = {"key": "1", "csr": self.csr.strip().split("\n")}
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.sha256 = hashlib.sha256(public).hexdigest().upper()


FIRST, SECOND, SHORT = Key(), Key(), Key(1024)
NO_KEY: dict[str, Any] = {"key": [], "csr": []}


def test_a_key_is_made_once_and_then_kept() -> None:
    mac = AnsweringMac({"make_key": FIRST.said})
    predicted = mac.run("mac_key", ARGS, check=True, diff=True)
    assert mac.verbs == ["csr"]
    assert (predicted["changed"], predicted["status"], predicted["csr"]) == (True, "made", "")
    assert predicted["diff"]["after"] == "public key SHA-256: (new)\n"
    result = mac.run("mac_key", ARGS | {"key_size": 2048}, diff=True)
    assert [(asked.verb, asked.identifier, asked.scope, asked.arguments) for asked in mac.asked] == [
        ("csr", IDENTIFIER, "System", {}),
        ("make_key", IDENTIFIER, "System", {"bits": "2048"}),
    ]
    assert (result["changed"], result["status"], result["csr"]) == (True, "made", FIRST.csr)
    assert result["public_key_sha256"] == FIRST.sha256
    header = "private key on the disk of test-host"
    assert result["diff"] == {
        "before_header": header,
        "after_header": header,
        "before": "",
        "after": f"public key SHA-256: {FIRST.sha256}\n",
    }
    kept = mac.run("mac_key", ARGS, diff=True)
    assert mac.verbs == ["csr"] and "diff" not in kept
    assert (kept["changed"], kept["status"], kept["csr"]) == (False, "kept", FIRST.csr)
    assert (kept["public_key_sha256"], kept["serial_number"]) == (FIRST.sha256, "C02TEST")


@pytest.mark.parametrize(
    ("there", "args"),
    [
        (FIRST, {"spent_keys": [FIRST.sha256]}),  # a key that was revoked with its certificate
        (SHORT, {}),  # one of another length
    ],
)
def test_a_key_that_must_not_be_used_is_replaced(there: Key, args: dict[str, Any]) -> None:
    mac = AnsweringMac({"make_key": SECOND.said}, **there.said)
    result = mac.run("mac_key", ARGS | args)
    assert mac.verbs == ["csr", "make_key"]
    assert (result["changed"], result["csr"]) == (True, SECOND.csr)
    other = AnsweringMac(**FIRST.said).run("mac_key", ARGS | {"spent_keys": [SECOND.sha256]})
    assert other["status"] == "kept"


@pytest.mark.parametrize(("said", "reason"), [({"message": "no space"}, "no space."), ({}, "the Mac gave no reason.")])
@pytest.mark.parametrize("there", [NO_KEY, FIRST.said])
def test_a_mac_that_makes_none(said: dict[str, Any], reason: str, there: dict[str, Any]) -> None:
    mac = AnsweringMac({"make_key": said}, **there)
    result = mac.run("mac_key", ARGS | {"spent_keys": [FIRST.sha256]})
    assert result["failed"]
    assert result["msg"] == f"The Mac could not make a private key: {reason}"


@pytest.mark.parametrize(
    ("args", "profiles", "needs"),
    [
        ({"profile_uuid": UUID.lower()}, [installed(UUID)], False),
        ({"profile_uuid": UUID}, [installed(UUID)], False),
        ({"profile_uuid": UUID, "key_wanted": True}, [installed(UUID)], True),
        ({"profile_uuid": UUID}, [installed("0" * 8)], True),
        ({"profile_uuid": UUID}, [installed(UUID, scope="anna")], True),
        ({"profile_uuid": UUID}, [], True),
        ({}, [installed(UUID)], True),
    ],
)
def test_with_the_profile_the_keychain_has_the_key(args: dict[str, Any], profiles: list[str], needs: bool) -> None:
    mac = AnsweringMac({"make_key": FIRST.said}, profile=profiles)
    result = mac.run("mac_key", ARGS | args)
    assert mac.verbs == (["csr", "make_key"] if needs else ["csr"])
    assert result["status"] == ("made" if needs else "none")
    assert result["changed"] is needs


@pytest.mark.parametrize("args", [{"state": "absent"}, {"profile_uuid": UUID}])
def test_a_key_that_is_not_needed_goes(args: dict[str, Any]) -> None:
    mac = AnsweringMac({"drop_key": NO_KEY}, profile=[installed(UUID)], **FIRST.said)
    predicted = mac.run("mac_key", ARGS | args, check=True, diff=True)
    assert mac.verbs == ["csr"]
    result = mac.run("mac_key", ARGS | args, diff=True)
    assert [(asked.verb, asked.identifier) for asked in mac.asked] == [("csr", IDENTIFIER), ("drop_key", IDENTIFIER)]
    assert (result["changed"], result["status"], result["csr"], result["public_key_sha256"]) == (True, "none", "", "")
    assert result["diff"] == predicted["diff"]
    assert result["diff"]["before"] == f"public key SHA-256: {FIRST.sha256}\n" and result["diff"]["after"] == ""
    again = mac.run("mac_key", ARGS | args)
    assert (again["changed"], mac.verbs) == (False, ["csr"])


def test_what_mac_profile_has_told_spares_an_exec() -> None:
    wanting = {
        "profile": {"failed": False, "host": "test-host", "path": "x", "identifier": IDENTIFIER, "scope": "System"}
    }
    wanting["profile"] |= {"display_name": "VPN", "delivery": "approve", "profile_uuid": "", "sha256": ""}
    wanting["profile"] |= {"certificate_sha1": "", "certificates": [], "gateway_roots": [], "key_on_mac": True}
    mac = AnsweringMac({"make_key": FIRST.said})
    known = mac.run("mac_profile", wanting)
    assert (known["status"], known["key_on_disk"]) == ("key_wanted", False)
    result = mac.run("mac_key", ARGS | {"known": known})
    assert mac.verbs == ["make_key"]
    assert (result["changed"], result["status"], result["csr"]) == (True, "made", FIRST.csr)
    assert result["key_on_disk"] is True
    # Where a key lies there, its request is to be asked for.
    known = mac.run("mac_profile", wanting)
    assert (known["status"], known["key_on_disk"]) == ("key_wanted", True)
    kept = mac.run("mac_key", ARGS | {"known": known})
    assert mac.verbs == ["csr"]
    assert (kept["changed"], kept["status"], kept["csr"], kept["key_on_disk"]) == (False, "kept", FIRST.csr, True)


@pytest.mark.parametrize("known", [{}, {"skipped": True}, {"failed": True, "msg": "x"}])
def test_what_tells_nothing_spares_none(known: dict[str, Any]) -> None:
    mac = AnsweringMac({"make_key": FIRST.said})
    assert mac.run("mac_key", ARGS | {"known": known})["status"] == "made"
    assert mac.verbs == ["csr", "make_key"]


def test_what_is_known_may_show_that_only_root_may() -> None:
    known = AnsweringMac(uid="501", user="anna").run("mac_info", ARGS) | {"key_on_disk": False}
    mac = AnsweringMac()
    result = mac.run("mac_key", ARGS | {"known": known})
    assert result["failed"] and "set become: true" in result["msg"] and mac.asked == []
    made_up = mac.run("mac_key", ARGS | {"known": known | {"build": 7}})
    assert made_up["failed"] and "known is not what" in made_up["msg"] and mac.asked == []


def test_only_root_may() -> None:
    mac = AnsweringMac(user="anna", uid="501", **FIRST.said)
    result = mac.run("mac_key", ARGS)
    assert result["failed"] and "anna may not read System profiles on this Mac: set become: true" in result["msg"]
    assert mac.verbs == ["csr"]
