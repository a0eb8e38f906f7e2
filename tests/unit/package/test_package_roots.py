# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway roots: DER and PEM, XML and files, and what openssl says about them."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509 import errors
from ansible_collections.vwan.user_vpn.tests.lab.packages import (
    build_package,
    gateway_root,
    settings_xml,
    zip_like_azure,
)
from ansible_collections.vwan.user_vpn.tests.unit.package.samples import NEW, OLD, read, refusal, sha256s

YEARS = range(2031, 2038)


def with_file(content: bytes, name: str = "VpnServerRoot.cer") -> bytes:
    return zip_like_azure({"Generic\\VpnSettings.xml": settings_xml([]), f"Generic\\{name}": content})


def with_element(text: str) -> bytes:
    xml = settings_xml([OLD.der], generation=1).replace(base64.b64encode(OLD.der), text.encode())
    return zip_like_azure({"Generic\\VpnSettings.xml": xml})


def openssl(*arguments: str, pem: str) -> str:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("the openssl command is not installed here (apt-get install openssl)")
    done = subprocess.run([program, *arguments], input=pem, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_openssl_sees_the_same_certificate() -> None:
    found = read(build_package([OLD.der, NEW.der])).settings()["gateway_roots"]
    assert len(found) == 2
    for root in found:
        for algorithm in ("sha1", "sha256"):
            printed = openssl("x509", "-noout", "-fingerprint", f"-{algorithm}", pem=root["pem"])
            assert printed.partition("=")[2].replace(":", "") == root[algorithm]
        subject = openssl("x509", "-noout", "-subject", "-nameopt", "RFC2253", pem=root["pem"])
        assert subject.partition("=")[2].strip() == root["subject"]
        assert openssl("x509", "-noout", "-enddate", pem=root["pem"]) == "notAfter=Jan  1 00:00:00 2040 GMT"
        assert root["not_after"] == "2040-01-01T00:00:00Z"


def test_a_root_of_this_machine_reads_as_openssl_reads_it() -> None:
    file = Path("/etc/ssl/certs/DigiCert_Global_Root_G2.pem")
    if not file.exists():
        pytest.skip("this machine has no DigiCert_Global_Root_G2.pem (apt-get install ca-certificates)")
    (root,) = read(with_file(file.read_bytes())).settings()["gateway_roots"]
    assert root["sha1"] == "DF3C24F9BFD666761B268073FE06D1CC8D4F82A4"
    assert root["subject"] == "CN=DigiCert Global Root G2,OU=www.digicert.com,O=DigiCert Inc,C=US"
    assert root["not_after"] == "2038-01-15T12:00:00Z"


def test_roots_are_sorted_and_come_once() -> None:
    assert (found := sha256s(read(build_package([NEW.der, OLD.der, NEW.der])))) == sorted(found)
    assert len(found) == 2
    assert found == sha256s(read(build_package([OLD.der, NEW.der])))
    many = [gateway_root("Synthetic Test Root Old", not_after=datetime(year, 1, 1, tzinfo=UTC)) for year in YEARS]
    assert (found := sha256s(read(build_package([root.der for root in many])))) == sorted(found)
    assert len(found) == len(YEARS)


@pytest.mark.parametrize(
    "content",
    [
        OLD.der,
        OLD.pem,
        OLD.pem.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + OLD.pem,
        b"subject=CN = Root\n\n" + OLD.pem,
        OLD.pem.rstrip(b"\n"),
        base64.b64encode(OLD.der),
        OLD.pem.decode().encode("utf-16"),
    ],
)
def test_files_in_der_and_pem(content: bytes) -> None:
    assert sha256s(read(with_file(content))) == sha256s(read(build_package([OLD.der])))


def test_base64_of_pem_in_the_xml() -> None:
    content = with_element(base64.b64encode(OLD.pem).decode())
    assert sha256s(read(content)) == sha256s(read(build_package([OLD.der])))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"0",
        OLD.der[:-1],
        OLD.der + b"\0",
        OLD.der + NEW.der,
        OLD.pem + NEW.pem,
        OLD.pem[:-40],
        OLD.der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09", 1),  # version 10
        OLD.der.replace(b"400101000000Z", b"409901000000Z"),
    ],
)
def test_a_file_that_is_not_one_certificate(content: bytes) -> None:
    text = refusal(with_file(content, "VpnServerRoot.cer_1"))
    assert "gateway root in Generic/VpnServerRoot.cer_1 is not one X.509 certificate" in text


@pytest.mark.parametrize("text", ["?", "MIID", "MIIDVjCC=", "MII*", "ä", base64.b64encode(OLD.der).decode()[:-2]])
def test_an_element_that_is_not_base64_of_a_certificate(text: str) -> None:
    assert "The gateway root in Generic/VpnSettings.xml is not" in refusal(with_element(text))


def test_base64_must_be_strict() -> None:
    encoded = base64.b64encode(OLD.der).decode()
    for text in (encoded[:40] + "*" + encoded[40:], encoded[:40] + "=" + encoded[40:], encoded.replace("+", "-")):
        assert "is not one X.509 certificate" in refusal(with_element(text))


def test_the_first_of_two_bad_files_is_named_whatever_their_order() -> None:
    members = {"Generic\\VpnSettings.xml": settings_xml([OLD.der])}
    bad = {"Generic\\VpnServerRoot.cer_1": b"x", "Generic\\VpnServerRoot.cer_0": b"x"}
    assert "VpnServerRoot.cer_0" in refusal(zip_like_azure(members | bad))


def test_one_bad_root_beside_a_good_one() -> None:
    assert "Generic/VpnServerRoot.cer_1" in refusal(build_package([OLD.der], file_roots=[OLD.der, b"garbage"]))


def test_without_cryptography_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "_VERSION", "41.0.7")
    with pytest.raises(UserVpnError, match="pip install 'cryptography>=43'"):
        read(build_package([OLD.der]))


def test_the_reader_can_be_imported_without_cryptography() -> None:
    script = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from ansible_collections.vwan.user_vpn.plugins.module_utils._package import roots\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env={"PYTHONPATH": ":".join(sys.path)})
