# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole run at the highest verbosity, and then a search for every secret in everything it has left behind."""

from __future__ import annotations

import base64
import json
import plistlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from ansible_collections.vwan.user_vpn.tests.integration.mac_shell.shells import until
from ansible_collections.vwan.user_vpn.tests.integration.site import PASSPHRASE, Site, nothing_staged


def needles(site: Site) -> dict[str, list[bytes]]:
    """Every secret, in the forms in which it could lie around."""
    found: dict[str, list[bytes]] = {"passphrase": [PASSPHRASE.encode()]}
    for path in site.profiles.glob("*.mobileconfig"):
        for payload in plistlib.loads(path.read_bytes())["PayloadContent"]:
            if payload["PayloadType"] != "com.apple.security.pkcs12":
                continue
            raw, password = payload["PayloadContent"], payload["Password"].encode()
            key, _certificate, _others = pkcs12.load_key_and_certificates(raw, password)
            assert key is not None
            der = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
            pkcs8 = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            found[f"PKCS#12 of {path.stem}"] = forms(raw)
            found[f"password of {path.stem}"] = [password]
            found[f"private key of {path.stem}"] = forms(der) + forms(pkcs8)
            prime = key.private_numbers().p  # type: ignore[union-attr]
            found[f"prime of {path.stem}"] = [str(prime).encode(), f"{prime:x}".encode(), f"{prime:X}".encode()]
    return found


def forms(raw: bytes) -> list[bytes]:
    """The middle of the raw bytes and of their base64 (any alignment) and hex forms."""
    middle = len(raw) // 2
    piece = raw[middle : middle + 48]
    encoded = [base64.b64encode(raw[middle + shift : middle + shift + 36]) for shift in range(3)]
    escaped = json.dumps(piece.decode("latin-1")).strip('"').encode()
    return [piece, *encoded, piece.hex().encode(), piece.hex().upper().encode(), escaped]


def haystack(folder: Path, allowed: list[Path]) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and not any(path.is_relative_to(place) for place in allowed):
            yield str(path), path.read_bytes()


def test_no_secret_anywhere_but_in_its_place(site: Site) -> None:
    site.lab.add_mac("mac-anna", sudo="password")
    site.lab.add_mac("mac-ben", person="ignores")
    site.lab.add_mac("mac-chris", sudo="refused")
    site.host_variables = {"mac-chris": {"user_vpn_client_name": "no such name"}}
    site.variables["user_vpn_wait"] = 1
    noisy = {
        "ANSIBLE_LOG_PATH": str(site.folder / "ansible.log"),
        "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(site.folder / "facts"),
        "ANSIBLE_KEEP_REMOTE_FILES": "1",
        "ANSIBLE_DEBUG": "1",
        "TMPDIR": str(site.folder / "tmp"),
    }
    (site.folder / "tmp").mkdir()
    outputs = []
    for options in (["--check", "--diff", "-vvvv"], ["--diff", "-vvvv"], ["--diff", "-vvvv"]):
        outputs.append(site.play(*options, env=noisy).output.encode())
    assert outputs[1].count(b"Contoso VPN")
    assert (site.folder / "ansible.log").stat().st_size > 10_000
    # A wrong passphrase is the error most likely to quote what it was given.
    site.secrets = {"USER_VPN_PASSPHRASE": "a wrong one: 5Rt"}
    wrong = site.play("-vvvv", "--diff", env=noisy)
    assert wrong.returncode != 0
    assert "a wrong one: 5Rt" not in wrong.output
    outputs.append(wrong.output.encode())

    secrets = needles(site)
    assert len(secrets) >= 1 + 4 * 2
    places: list[tuple[str, bytes]] = [(f"output of run {number}", output) for number, output in enumerate(outputs)]
    places += haystack(site.folder, allowed=[site.profiles])  # the store among them: all in it is sealed
    for mac in site.lab.macs.values():
        # The offer has left running what takes its file away some seconds later.
        until(partial(nothing_staged, mac))
        places += [(f"disk of {mac.name}: {path}", content) for path, content in mac.files()]
        places += [(f"process on {mac.name}", "\0".join(argv).encode()) for argv in mac.processes]
        places += [(f"exec on {mac.name}", record.command.encode()) for record in mac.execs]
    leaks = [
        f"{name} in {place}"
        for place, content in places
        for name, values in secrets.items()
        if any(v in content for v in values)
    ]
    assert leaks == []

    # The search itself works: where the secrets belong, it finds them.
    inside = dict(haystack(site.profiles, allowed=[]))
    for name, values in secrets.items():
        if name.startswith("PKCS#12"):
            joined = [content.replace(b"\n", b"").replace(b"\t", b"") for content in inside.values()]
            assert any(value in content for content in joined for value in values), name


def test_private_files_are_private(site: Site) -> None:
    site.lab.add_mac("mac-anna")
    assert site.play().returncode == 0
    for path in [site.pki, site.profiles, *site.profiles.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, f"{path} is open to others"
