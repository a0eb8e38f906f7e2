# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The synthetic packages have the form of Azure's, as a second reader (zipfile, unzip) sees it."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from datetime import datetime
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.tests.lab.packages import build_package, gateway_root, settings_xml
from ansible_collections.vwan.user_vpn.tests.unit.package.samples import NEW, OLD


def test_members_stand_as_azure_writes_them() -> None:
    when = datetime(2026, 3, 4, 5, 6, 8)
    archive = zipfile.ZipFile(io.BytesIO(build_package([OLD.der, NEW.der], vpn_type="IkeV2,OpenVPN", when=when)))
    infos = archive.infolist()
    assert archive.testzip() is None
    assert archive.comment == b""
    assert [info.filename for info in infos][:5] == [
        "Generic\\VpnSettings.xml",
        "Generic\\VpnServerRoot.cer_0",
        "Generic\\VpnServerRoot.cer_1",
        "OpenVPN\\vpnconfig.ovpn",
        "AzureVPN\\azurevpnconfig.xml",
    ]
    for info in infos:
        assert not info.is_dir()
        assert (info.create_system, info.create_version, info.extract_version) == (0, 20, 20)
        assert (info.flag_bits, info.external_attr, info.internal_attr, info.extra, info.comment) == (0, 0, 0, b"", b"")
        assert info.compress_type == zipfile.ZIP_DEFLATED
        assert info.date_time == (2026, 3, 4, 5, 6, 8)


def test_the_xml_stands_as_azure_writes_it() -> None:
    for generation, first in ((1, b"  <CaCert>"), (2, b"  <CaCerts>")):
        xml = settings_xml([OLD.der], generation=generation)
        assert xml.startswith(b'<?xml version="1.0"?>\r\n<VpnProfile xmlns:xsd="')
        assert xml.endswith(b"\r\n</VpnProfile>")
        assert xml.isascii()
        assert xml.count(b"\n") == xml.count(b"\r\n")
        assert b"\r\n  <AadIssuer />\r\n" in xml
        assert b"\r\n" + first in xml


def test_unzip_warns_about_the_backslashes_and_ends_with_1(tmp_path: Path) -> None:
    unzip = shutil.which("unzip")
    if unzip is None:
        pytest.skip("Info-ZIP's unzip is not installed here (apt-get install unzip)")
    (tmp_path / "package.zip").write_bytes(build_package([OLD.der]))
    done = subprocess.run(
        [unzip, "-o", "package.zip", "-d", "out"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "backslashes as path separators" in done.stderr
    assert (tmp_path / "out/Generic/VpnServerRoot.cer_0").read_bytes() == OLD.der


def test_a_root_is_made_once() -> None:
    assert gateway_root("Synthetic Test Root Old") is OLD
    assert OLD.certificate != NEW.certificate
    assert OLD.certificate.public_key() == OLD.key.public_key()
