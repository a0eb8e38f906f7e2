# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a keychain lacks, what may go, and what is sent for it."""

from __future__ import annotations

import base64
import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac import certificate as keychain
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.answer import MacState, read_answer
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.identity import Identity, load
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509.certificates import Certificate, of
from ansible_collections.vwan.user_vpn.tests.lab.commands.security import MAX_LINE, split_line
from ansible_collections.vwan.user_vpn.tests.lab.ingestion import open_pkcs12

PASSWORD = "the password of the file"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NOTHING = read_answer("begin m\nmacos_version=15.5\nuid=0\nend m\n", "m")


def issue(name: str = "mac-anna", issuer: str = "P2SRootCert") -> x509.Certificate:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=100))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(KEY, hashes.SHA256())
    )


def identity_of(leaf: x509.Certificate) -> Identity:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption

    encryption = BestAvailableEncryption(PASSWORD.encode())
    return load(pkcs12.serialize_key_and_certificates(b"x", KEY, leaf, None, encryption), PASSWORD, "the test")


def holding(*certificates: tuple[x509.Certificate, bool]) -> MacState:
    """A Mac whose keychain holds these certificates, some with their key."""
    seen = [(of(certificate), key) for certificate, key in certificates]
    return dataclasses.replace(
        NOTHING,
        certificates=frozenset(each.sha1 for each, _key in seen),
        identities=frozenset(each.sha1 for each, key in seen if key),
        named=tuple(base64.b64encode(each.der).decode() for each, _key in seen),
    )


def sha1(certificate: x509.Certificate) -> str:
    return of(certificate).sha1


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
def test_a_quoted_word_is_read_back_as_it_was(text: str) -> None:
    assert split_line(f"unlock-keychain -p {keychain.quoted(text, 'it')} login.keychain-db\n") == [
        "unlock-keychain", "-p", text, "login.keychain-db",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "\0", "\x7f"])
def test_a_word_that_would_begin_another_command_is_refused(text: str) -> None:
    with pytest.raises(UserVpnError, match="The password of the keychain holds a line break"):
        keychain.quoted(text, "The password of the keychain")


def test_what_is_there_with_its_key_is_not_brought_again() -> None:
    leaf, root = issue(), issue("Gateway Root", "Gateway Root")
    identity, roots = identity_of(leaf), [of(root)]
    assert keychain.plan_present(holding((leaf, True), (root, False)), roots, identity).empty
    without_key = keychain.plan_present(holding((leaf, False), (root, False)), roots, identity)
    assert without_key.identity is identity
    assert not without_key.roots
    assert keychain.plan_present(holding((leaf, True)), roots * 2, identity).roots == tuple(roots)


def test_only_older_identities_of_the_same_client_and_ca_go() -> None:
    new, old, older = issue(), issue(), issue()
    stays = [
        (issue(issuer="Another CA"), True),
        (issue("mac-anna-2"), True),
        (issue(), False),  # a certificate without its key is no identity
        (new, True),
    ]
    plan = keychain.plan_present(holding((old, True), (older, True), *stays), [], identity_of(new))
    assert plan.going == tuple(sorted([sha1(old), sha1(older)]))
    assert plan.identity is None


def test_an_older_identity_of_another_common_name_goes_where_the_store_knows_it() -> None:
    new, old, foreign, public = issue(), issue("mac-anna@red.com"), issue("mac-ben"), issue("anna")
    state = holding((new, True), (old, True), (foreign, True), (public, False))
    former = {sha1(old), sha1(new), sha1(public), "F" * 40}  # what is there without its key stays
    assert keychain.plan_present(state, [], identity_of(new), former).going == (sha1(old),)
    assert keychain.plan_present(state, [], identity_of(new)).going == ()


def test_absent_takes_only_what_is_there() -> None:
    leaf, root = issue(), issue("Gateway Root", "Gateway Root")
    state = holding((leaf, True), (root, False))
    plan = keychain.plan_absent(state, [sha1(leaf), sha1(root), "0" * 40])
    assert set(plan.going) == {sha1(leaf), sha1(root)}
    wish = keychain.Wish("System", unwanted=frozenset())
    step = keychain.change(wish, plan, state, "")
    assert step is not None
    assert set(str(step.arguments["going"]).split()) == {f"identity:{sha1(leaf)}", f"certificate:{sha1(root)}"}


def test_what_is_sent_opens_with_the_password_of_the_moment_only() -> None:
    leaf = issue()
    identity = identity_of(leaf)
    root: Certificate = of(issue("Gateway Root", "Gateway Root"))
    plan = keychain.Plan(roots=(root,), identity=identity)
    first, second = (keychain.lines(plan, 'pass "word"').decode().splitlines() for _time in range(2))
    assert first[0] == '"pass \\"word\\""'
    assert first[1] == f"cer - {base64.b64encode(root.der).decode()}"
    kind, once, text, label = first[2].split(" ", 3)
    assert kind == "p12"
    assert once != second[2].split()[1]
    assert PASSWORD not in "\n".join(first)
    # Read by the lab's own reader.
    opened = open_pkcs12(base64.b64decode(text), once)
    assert [item.sha1 for item in opened] == [sha1(leaf)]
    with pytest.raises(ValueError, match=r".*"):
        open_pkcs12(base64.b64decode(text), PASSWORD)
    assert split_line(label) == [f"mac-anna {of(leaf).serial}"]
    assert len(once) * 2 + 1000 < MAX_LINE
    assert KEY.private_bytes(Encoding.DER, *_plain()) not in base64.b64decode(text)


def _plain() -> tuple[object, object]:
    from cryptography.hazmat.primitives.serialization import PrivateFormat

    return PrivateFormat.PKCS8, NoEncryption()


def test_without_a_password_the_first_line_is_empty() -> None:
    assert keychain.lines(keychain.Plan(), "") == b"\n"


@pytest.mark.parametrize("noise", ["no base64 at all", "QUJD", ""])
def test_what_cannot_be_read_is_left_alone(noise: str) -> None:
    state = dataclasses.replace(NOTHING, named=(noise,))
    assert keychain.superseded(state, identity_of(issue())) == []
