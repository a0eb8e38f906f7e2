# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of an export folder, also when many hosts are rendered at once."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils import _files
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.errors import ProfileError
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.manifest import (
    take_out,
    update,
)

FIELDS = {"identifier": "com.example.uservpn", "profile_uuid": "A", "file": "mac-01.mobileconfig"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "manifest.json"


def entries(path: Path) -> dict[str, Any]:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document.pop("version") == 1
    assert set(document) == {"profiles"}
    profiles: dict[str, Any] = document["profiles"]
    return profiles


def put(path: Path, host: str, fields: dict[str, Any], **how: Any) -> bool:
    return update(path, {host: fields}, **how).changed


def test_an_entry_comes_changes_and_stays(path: Path) -> None:
    assert put(path, "mac-01", FIELDS)
    assert entries(path) == {"mac-01": {**FIELDS, "host": "mac-01", "serial_number": None}}
    assert path.stat().st_mode & 0o777 == 0o600
    assert not put(path, "mac-01", FIELDS)
    assert put(path, "mac-02", FIELDS)
    assert put(path, "mac-01", FIELDS | {"profile_uuid": "B"})
    assert [entries(path)[host]["profile_uuid"] for host in ("mac-01", "mac-02")] == ["B", "A"]


def test_a_known_serial_number_is_kept(path: Path) -> None:
    put(path, "mac-01", FIELDS | {"serial_number": "C02XX1"})
    assert not put(path, "mac-01", FIELDS)
    assert not put(path, "mac-01", FIELDS | {"serial_number": None})
    assert put(path, "mac-01", FIELDS | {"serial_number": "C02XX2"})
    assert entries(path)["mac-01"]["serial_number"] == "C02XX2"


def test_a_serial_number_alone_leaves_the_rest(path: Path) -> None:
    put(path, "mac-01", FIELDS)
    assert put(path, "mac-01", {"serial_number": "C02XX1"})
    assert entries(path)["mac-01"] == {**FIELDS, "host": "mac-01", "serial_number": "C02XX1"}


def test_check_predicts_and_writes_nothing(path: Path) -> None:
    assert put(path, "mac-01", FIELDS, check=True)
    assert list(path.parent.iterdir()) == []
    put(path, "mac-01", FIELDS)
    assert not put(path, "mac-01", FIELDS, check=True)


def test_what_a_diff_shows(path: Path) -> None:
    put(path, "mac-01", {"profile_uuid": "A"})
    put(path, "mac-03", {"profile_uuid": "A"})
    change = update(path, {"mac-01": {"profile_uuid": "B"}, "mac-02": {}, "mac-03": {"profile_uuid": "A"}}, check=True)
    assert change.before == ["mac-01.host = 'mac-01'", "mac-01.profile_uuid = 'A'", "mac-01.serial_number = None"]
    assert change.after == [
        *("mac-01.host = 'mac-01'", "mac-01.profile_uuid = 'B'", "mac-01.serial_number = None"),
        *("mac-02.host = 'mac-02'", "mac-02.serial_number = None"),
    ]


def test_many_entries_are_one_write(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[Path] = []
    write = _files.write_atomic
    monkeypatch.setattr(_files, "write_atomic", lambda where, content: writes.append(where) or write(where, content))
    assert update(path, {f"mac-{number}": FIELDS for number in range(100)}).changed
    assert writes == [path]
    assert not update(path, {f"mac-{number}": FIELDS for number in range(50)}).changed
    assert len(entries(path)) == 100


def test_serial_numbers_of_macs_that_are_not_listed_make_no_entries(path: Path) -> None:
    assert not update(path, {"mac-01": {"serial_number": "C02XX1"}}, add=False).changed
    assert not path.exists()
    put(path, "mac-01", FIELDS)
    numbers = {host: {"serial_number": f"C02{host}"} for host in ("mac-01", "mac-02")}
    assert update(path, numbers, add=False).changed
    assert entries(path) == {"mac-01": {**FIELDS, "host": "mac-01", "serial_number": "C02mac-01"}}


def test_nothing_to_say_makes_no_manifest(path: Path) -> None:
    assert not update(path, {}).changed
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"version": 2, "profiles": {}}', '{"version": 1, "profiles": {"a": 1}}', "\x00", "[" * 9999],
)
def test_a_file_that_is_no_manifest_is_left_alone(path: Path, content: str) -> None:
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ProfileError, match="no manifest"):
        put(path, "mac-01", FIELDS)
    assert path.read_text(encoding="utf-8") == content


def test_profiles_with_a_certificate_go_file_and_entry(path: Path) -> None:
    assert take_out(path, {"AA"}) == []
    assert list(path.parent.iterdir()) == []
    for host, certificate in (("mac-01", "AA"), ("mac-02", "BB"), ("mac-03", "AA")):
        (path.parent / f"{host}.mobileconfig").write_text("a private key")
        put(path, host, {"certificate_sha1": certificate, "file": f"{host}.mobileconfig"})
    assert take_out(path, {"AA", "CC"}, check=True) == ["mac-01", "mac-03"]
    assert len(list(path.parent.glob("*.mobileconfig"))) == 3
    (path.parent / "mac-03.mobileconfig").unlink()  # a run that was killed between file and entry
    assert take_out(path, {"AA", "CC"}) == ["mac-01", "mac-03"]
    assert [found.name for found in path.parent.glob("*.mobileconfig")] == ["mac-02.mobileconfig"]
    assert list(entries(path)) == ["mac-02"]
    assert take_out(path, {"AA", "CC"}) == []


@pytest.mark.parametrize(
    "file", ["../precious", "/precious", "sub/../../precious", "link/precious", "..", ".", "sub/..", "loop/x", "a\0b"]
)
def test_an_entry_that_leads_out_of_the_folder_deletes_nothing(tmp_path: Path, file: str) -> None:
    folder = tmp_path / "profiles"
    (folder / "sub").mkdir(parents=True)
    (folder / "link").symlink_to(tmp_path)
    (folder / "loop").symlink_to(folder / "loop")
    (tmp_path / "precious").write_text("not ours")
    (folder / "mac-00.mobileconfig").write_text("a private key")
    if file == "/precious":
        file = str(tmp_path / "precious")
    path = folder / "manifest.json"
    put(path, "mac-00", {"certificate_sha1": "AA", "file": "mac-00.mobileconfig"})
    put(path, "mac-01", {"certificate_sha1": "AA", "file": file})
    before = path.read_bytes()
    for check in (True, False):
        with pytest.raises(ProfileError, match="lies outside its folder, so nothing was deleted"):
            take_out(path, {"AA"}, check=check)
    assert path.read_bytes() == before
    assert (tmp_path / "precious").read_text() == "not ours"
    assert (folder / "mac-00.mobileconfig").exists()


def test_a_host_that_is_called_like_a_path_deletes_nothing(path: Path) -> None:
    put(path, "../precious", {"certificate_sha1": "AA"})
    with pytest.raises(ProfileError, match="lies outside its folder"):
        take_out(path, {"AA"})


def test_a_link_in_the_place_of_a_profile_goes_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    folder = tmp_path / "profiles"
    folder.mkdir()
    (tmp_path / "precious").write_text("not ours")
    (folder / "mac-01.mobileconfig").symlink_to(tmp_path / "precious")
    put(folder / "manifest.json", "mac-01", {"certificate_sha1": "AA", "file": "mac-01.mobileconfig"})
    assert take_out(folder / "manifest.json", {"AA"}) == ["mac-01"]
    assert not (folder / "mac-01.mobileconfig").is_symlink()
    assert (tmp_path / "precious").read_text() == "not ours"


def test_what_a_mac_calls_itself_is_cleaned(path: Path) -> None:
    put(path, "mac-01", {"serial_number": "C02\x1b[31m\u202e\nX"})
    assert entries(path)["mac-01"]["serial_number"] == "C02?[31m??X"


def worker(path: Path, number: int) -> None:
    for turn in range(5):
        put(path, f"mac-{number}-{turn}", FIELDS | {"file": f"{number}-{turn}"})


def test_parallel_processes_lose_nothing_and_order_does_not_show(path: Path, tmp_path: Path) -> None:
    # fork, as Ansible does it; spawned processes would spend their time importing.
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=worker, args=(path, number)) for number in range(6)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 6
    assert len(entries(path)) == 30
    alone = tmp_path / "alone.json"
    for number in reversed(range(6)):
        worker(alone, number)
    assert alone.read_bytes() == path.read_bytes()
