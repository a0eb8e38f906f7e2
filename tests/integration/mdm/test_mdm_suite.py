# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One suite for every MDM: what `mdm_profile` promises, against the lab's servers and Macs.

A type of server is in the option's choices once it has passed all of this.
"""

from __future__ import annotations

import contextlib
import math
import plistlib
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._mdm import http
from ansible_collections.vwan.user_vpn.plugins.module_utils._mdm.servers import TYPES
from ansible_collections.vwan.user_vpn.tests.integration.mdm.fleets import IDENTIFIER, SERVERS, Fleet
from ansible_collections.vwan.user_vpn.tests.lab.azure.messages import Response
from ansible_collections.vwan.user_vpn.tests.lab.mdm.base import CLOSED, slow
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action

if TYPE_CHECKING:
    from ansible_collections.vwan.user_vpn.tests.lab import Lab
    from ansible_collections.vwan.user_vpn.tests.lab.mdm import Server
    from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import Pki


def writes(server: Server) -> list[str]:
    return [line for line in map(str, server.requests) if not line.startswith("GET ") and "token" not in line]


def all_installed(result: dict[str, Any]) -> bool:
    return not result["failed"] and all(entry["state"] == "installed" for entry in result["macs"].values())


def require(server: Server, capability: str) -> None:
    """Skip what this server cannot do."""
    if not getattr(TYPES[server.TYPE].CAPABILITIES, capability):
        pytest.skip(f"{server.TYPE} lacks the capability {capability}; see test_mdm_{server.TYPE}.py for what it does")


def place_of(server: Server, place: str) -> str:
    """What to match for `faults`; skips where this server has no such call."""
    if place not in server.PLACES:
        pytest.skip(f"{server.TYPE} has no call of this kind")
    return server.PLACES[place]


# What there is on one server alone.
of_jamf = pytest.mark.parametrize("server", ["jamf"], indirect=True)


def shared(rendered: dict[str, Any], folder: Path) -> dict[str, Any]:
    """One profile for all, whose key each Mac makes itself (SCEP)."""
    entry = next(iter(rendered.values()))
    document = plistlib.loads(Path(entry["path"]).read_bytes())
    (pkcs12,) = (each for each in document["PayloadContent"] if each["PayloadType"] == "com.apple.security.pkcs12")
    for name in ("PayloadContent", "Password", "PayloadCertificateFileName", "KeyIsExtractable", "AllowAllAppsAccess"):
        del pkcs12[name]
    pkcs12 |= {"PayloadType": "com.apple.security.scep", "PayloadContent": {"URL": "https://scep.example.com"}}
    path = folder / "shared.mobileconfig"
    path.write_bytes(plistlib.dumps(document))
    return {host: entry | {"path": str(path), "shared": True} for host in rendered}


def test_a_type_in_the_choices_goes_through_this_suite() -> None:
    assert set(TYPES) == set(SERVERS)


def test_twenty_macs_get_theirs_and_a_second_run_changes_nothing(
    tmp_path: Path, lab: Lab, server: Server, pki: Pki
) -> None:
    fleet = Fleet(tmp_path, lab, server, pki, 20)
    rendered = fleet.render()
    predicted = fleet.deliver(rendered, check=True, diff=True)
    assert predicted["changed"] and set(fleet.states(predicted).values()) == {"queued"}
    assert f"mac-07 = {rendered['mac-07']['profile_uuid']}\n" in predicted["diff"]["after"]
    assert not writes(server)
    result = fleet.deliver(rendered)
    assert result["changed"] and all_installed(result)
    assert all(fleet.has(mac, rendered) for mac in fleet.macs)
    assert sorted(map(sorted, server.scopes().values())) == [[mac.name] for mac in fleet.macs]
    assert all(mac.execs == [] for mac in fleet.macs)
    server.requests.clear()
    again = fleet.deliver(rendered, diff=True)
    assert not again["changed"] and all_installed(again) and "diff" not in again
    assert not writes(server)
    assert len(server.requests) == server.calls(len(fleet.macs))


def test_a_change_goes_to_all_and_a_new_certificate_to_its_mac(fleet: Fleet) -> None:
    fleet.deliver(fleet.render())
    rendered = fleet.render(enforce_routes=True)
    result = fleet.deliver(rendered)
    assert all(entry["changed"] for entry in result["macs"].values()) and all_installed(result)
    for mac in fleet.macs:
        (profile,) = mac.installed_profiles()
        vpn = next(each for each in profile["content"]["PayloadContent"] if "IKEv2" in each)
        assert vpn["IKEv2"]["EnforceRoutes"]
    fleet.renew(fleet.macs[1])
    rendered = fleet.render(enforce_routes=True)
    fleet.server.requests.clear()
    result = fleet.deliver(rendered)
    assert [host for host, entry in result["macs"].items() if entry["changed"]] == ["mac-02"]
    assert len(writes(fleet.server)) == 1
    assert all_installed(result) and all(fleet.has(mac, rendered) for mac in fleet.macs)


def test_a_mac_that_the_mdm_does_not_know_gets_a_sentence(fleet: Fleet) -> None:
    unknown, twice, retired = fleet.macs
    server = fleet.server
    require(server, "finds_by_serial")
    server.of(unknown).serial_number = "SOMETHINGELSE"
    server.enrol(twice, name="the old one")
    server.of(retired).managed = False
    result = fleet.deliver(fleet.render())
    assert not result["failed"] and not result["changed"] and not writes(server)
    said = {host: entry["msg"] for host, entry in result["macs"].items()}
    assert set(fleet.states(result).values()) == {"unknown_device"}
    assert "knows no Mac with the serial number" in said["mac-01"]
    assert "knows 2 Macs" in said["mac-02"] and "the old one" in said["mac-02"]
    assert "does not manage" in said["mac-03"]


def test_one_that_never_checks_in_is_waited_for_and_comes_later(fleet: Fleet) -> None:
    asleep, locked, _other = fleet.macs
    server = fleet.server
    server.of(asleep).reaches, server.of(locked).reaches = "never", "not now"
    rendered = fleet.render()
    result = fleet.deliver(rendered, options={"wait": True, "wait_timeout": 1})
    assert fleet.states(result) == {"mac-01": server.ASLEEP, "mac-02": "pending", "mac-03": "installed"}
    assert any("1 of 3 Macs are done" in line for line in fleet.said)
    server.awake(server.of(asleep))
    asked = run_action(
        "mdm_profile_info",
        {"server": server.server, "identifier": IDENTIFIER, "profiles": [*fleet.wishes(rendered), {"host": "x"}]},
    )
    told = {host: entry["state"] for host, entry in asked["macs"].items()}
    assert told == {"mac-01": "installed", "mac-02": "pending", "mac-03": "installed", "x": "unknown_device"}
    assert not asked["changed"] and asked["macs"]["mac-01"]["shown_version"] == rendered["mac-01"]["profile_uuid"]
    again = fleet.deliver(rendered)
    assert not again["changed"]
    assert fleet.states(again) == {"mac-01": "installed", "mac-02": "pending", "mac-03": "installed"}
    fleet.renew(asleep)
    server.of(asleep).reaches = "never"
    rendered = fleet.render()
    entry = fleet.deliver(rendered)["macs"]["mac-01"]
    assert entry["state"] == server.ASLEEP and entry["wanted_version"] == rendered["mac-01"]["profile_uuid"]
    assert entry["previous_version"] != entry["wanted_version"]
    assert entry["shown_version"] == "" and entry["on_mac"]  # it is one of those before
    assert entry["last_seen"] and entry["macos_version"] == asleep.release.version


def test_one_that_refuses_says_why(fleet: Fleet) -> None:
    fleet.server.of(fleet.macs[0]).reaches = "refuses"
    result = fleet.deliver(fleet.render(), options={"wait": True})
    entry = result["macs"]["mac-01"]
    assert entry["failed"] and entry["state"] == "failed" and not result["failed"]
    assert entry["error"] == fleet.server.REFUSED and entry["error"] in entry["msg"]
    assert result["macs"]["mac-02"]["state"] == "installed"


def test_a_profile_is_taken_off_its_mac(fleet: Fleet) -> None:
    require(fleet.server, "reads_content")
    rendered = fleet.render()
    fleet.deliver(rendered)
    gone, asleep, other = fleet.macs
    server = fleet.server
    server.of(asleep).reaches = "never"
    assert fleet.remove(gone, check=True)["changed"] and len(gone.installed_profiles()) == 1
    result = fleet.remove(gone, asleep, options={"wait": True, "wait_timeout": 1})
    assert result["changed"] and fleet.states(result) == {"mac-01": "removed", "mac-02": "pending"}
    assert gone.installed_profiles() == [] and gone.keychain("system") == []
    assert server.scopes() == {
        f"Contoso VPN [{IDENTIFIER} {asleep.serial}]": set(),
        f"Contoso VPN [{IDENTIFIER} {other.serial}]": {"mac-03"},
    }
    assert not fleet.remove(gone, asleep)["changed"]
    server.awake(server.of(asleep))
    assert fleet.remove(gone, asleep)["changed"] and not fleet.remove(gone, asleep)["changed"]
    assert list(server.scopes().values()) == [{"mac-03"}] and fleet.has(other, rendered)
    # Of a Mac that is gone from the MDM, nothing stays there either.
    server.of(other).serial_number = "SOMETHINGELSE"
    result = fleet.remove(other)
    assert result["changed"] and fleet.states(result) == {"mac-03": "unknown_device"} and not server.scopes()
    assert not fleet.remove(other)["changed"]
    gone_now = {"server": server.server, "identifier": IDENTIFIER, "profiles": [fleet.wishes(rendered)[0]]}
    assert run_action("mdm_profile_info", gone_now)["macs"]["mac-01"]["state"] == "absent"


def test_a_key_that_others_could_get_is_called_back(fleet: Fleet) -> None:
    require(fleet.server, "reads_content")
    rendered = fleet.render()
    fleet.deliver(rendered)
    first, second = list(fleet.server.profiles.values())[:2]
    exposed = fleet.server.give_to_all(first), fleet.server.give_to_sales(second)
    result = fleet.deliver(rendered)
    assert [host for host, entry in result["macs"].items() if entry["changed"]] == ["mac-01", "mac-02"]
    assert sorted(map(sorted, fleet.server.scopes().values())) == [[mac.name] for mac in fleet.macs]
    warned = " ".join(result["warnings"])
    assert f"mac-01 reach others as well ({exposed[0]})" in warned and exposed[1] in warned


def test_what_somebody_has_changed_in_the_mdm_is_put_right(fleet: Fleet) -> None:
    require(fleet.server, "reads_content")
    rendered = fleet.render()
    fleet.deliver(rendered)
    stored = next(iter(fleet.server.profiles.values()))
    document = stored.document
    (vpn,) = (each for each in document["PayloadContent"] if "IKEv2" in each)
    vpn["IKEv2"]["RemoteAddress"] = "evil.example.com"
    stored.document = document
    result = fleet.deliver(rendered)
    assert [host for host, entry in result["macs"].items() if entry["changed"]] == ["mac-01"]
    assert "evil.example.com" not in str(next(iter(fleet.server.profiles.values())).document)


class Killed(BaseException):
    """The process is gone."""


def kill_at(monkeypatch: pytest.MonkeyPatch, number: int, *, served: bool) -> None:
    """Whoever calls dies at its call of this number, before or after the server has done it."""
    once, made = http.Http._once, [0]

    def dying(self: http.Http, *arguments: Any) -> Any:
        made[0] += 1
        if made[0] > number or (made[0] == number and not served):
            raise Killed
        answer = once(self, *arguments)
        if made[0] == number:
            raise Killed
        return answer

    monkeypatch.setattr(http.Http, "_once", dying)


@pytest.mark.parametrize("number", [pytest.param(n, marks=() if n == 4 else pytest.mark.soak) for n in range(1, 12)])
@pytest.mark.parametrize("served", [True, False], ids=["served", "unserved"])
def test_a_run_that_is_killed_at_any_request_converges(fleet: Fleet, number: int, served: bool) -> None:
    for step in (fleet.render, lambda: fleet.render(enforce_routes=True), None):
        rendered = step() if step else None
        with pytest.MonkeyPatch.context() as patch:
            kill_at(patch, number, served=served)
            with contextlib.suppress(Killed):
                _go(fleet, rendered)
        for reached, mac in zip(fleet.server.scopes().values(), fleet.macs, strict=False):
            assert reached <= {mac.name}
        _go(fleet, rendered)
        if rendered:
            assert all(fleet.has(mac, rendered) for mac in fleet.macs)
            assert not _go(fleet, rendered)["changed"]
        else:
            assert not fleet.server.profiles and all(mac.installed_profiles() == [] for mac in fleet.macs)


def _go(fleet: Fleet, rendered: dict[str, Any] | None) -> dict[str, Any]:
    return fleet.deliver(rendered) if rendered else fleet.remove(*fleet.macs)


# -- a server that is not at its best -------------------------------------------------------------------------------


@of_jamf
def test_a_wrong_login_is_one_sentence(single: Fleet) -> None:
    rendered = single.render()
    secret = "s3cret-of-nobody"
    result = single.deliver(rendered, options={"server": single.server.server | {"client_secret": secret}})
    assert result["failed"] and "refuses the login" in result["msg"] and "server.client_secret" in result["msg"]
    assert secret not in str(result) and len(single.server.requests) == 1


@of_jamf
def test_a_token_that_ends_is_renewed(single: Fleet) -> None:
    rendered = single.render()
    single.server.token_seconds = 0.9  # of which it tells 0
    assert all_installed(single.deliver(rendered))
    single.server.token_seconds = 1200
    # Somebody ends it in the middle.
    single.server.faults.add("GET /JSSResource/*", lambda _request: single.server.tokens.clear())
    single.server.faults.add("GET /JSSResource/*/id/1", lambda _request: single.server.tokens.clear())
    assert all_installed(single.deliver(rendered))
    assert not single.server.tokens


def sampled(cases: Iterable[str], *sample: str) -> list[Any]:
    """All of them, those beyond the sample for which `make test` has the time marked so."""
    return [case if case in sample else pytest.param(case, marks=pytest.mark.soak) for case in cases]


TROUBLE: dict[str, tuple[Callable[..., Any] | Response, float]] = {
    "429": (Response(429, headers={"Retry-After": "0"}), 1),
    "429 without a word": (Response(429), 2),
    "500": (Response(500, b"<html>java.lang.NullPointerException</html>"), 2),
    "503": (Response(503, headers={"Retry-After": "Sat, 28 Nov 2020 12:00:00 GMT"}), 1),
    "a lost connection": (CLOSED, 1),
    "a slow answer": (slow(0.2), 1),
}


@pytest.mark.parametrize("trouble", sampled(TROUBLE, "429", "a lost connection"))
@pytest.mark.parametrize(
    "place", ["profiles", *(pytest.param(each, marks=pytest.mark.soak) for each in ("macs", "new", "change"))]
)
def test_what_passes_is_waited_for(single: Fleet, trouble: str, place: str) -> None:
    match = place_of(single.server, place)
    rendered = single.render()
    answer, times = TROUBLE[trouble]
    single.server.faults.add(match, answer, times=times)
    result = single.deliver(rendered)
    for _time in range(int(times)):
        if place == "new" and not all_installed(result):  # the answer to a new profile was lost, and may be tried again
            result = single.deliver(rendered)
    assert all_installed(result) and all(single.has(mac, rendered) for mac in single.macs)
    assert len(single.server.profiles) == len(single.macs)


def test_a_new_profile_whose_answer_is_lost_is_found_again(single: Fleet) -> None:
    rendered = single.render()

    def lose(request: Any) -> Response:
        single.server.answer(request)
        return CLOSED

    single.server.faults.add(place_of(single.server, "new"), lose)
    assert all_installed(single.deliver(rendered)) and len(single.server.profiles) == len(single.macs)


DEAD: dict[str, tuple[Response, str]] = {
    "429 for a day": (Response(429, headers={"Retry-After": "86400"}), "asks to wait 86400 s"),
    "500 for ever": (Response(500), "HTTP status 500"),
    "a redirect": (Response(302, headers={"Location": "https://evil.example.com/?x"}), "leads to evil.example.com"),
    "a page": (Response(200, b"<html><p>Welcome to the airport</p></html>"), "{nothing}"),
    "half an answer": (Response(200, b'{"totalCount": 1, "results": [', cut=10), "no connection"),
    "garbage": (Response(200, bytes(range(256))), "{nothing}"),
    "an unwilling proxy": (Response(407), "correct HTTPS_PROXY"),
    "entities": (Response(200, b'<!DOCTYPE a [<!ENTITY a "b">]><a>&a;</a>'), "{nothing}"),
}


@pytest.mark.parametrize("case", sampled(DEAD, "429 for a day", "a redirect", "garbage"))
@pytest.mark.parametrize(
    "place",
    [
        "profiles",
        pytest.param("macs", marks=pytest.mark.soak),
        pytest.param("token", marks=pytest.mark.soak),
    ],
)
def test_a_server_that_is_none_is_one_sentence(single: Fleet, case: str, place: str) -> None:
    match = place_of(single.server, place)
    rendered = single.render()
    answer, said = DEAD[case]
    single.server.faults.add(match, answer, times=math.inf)
    result = single.deliver(rendered)
    told = [result["msg"]] if result["failed"] else [entry["msg"] for entry in result["macs"].values()]
    assert all(said.format(nothing=single.server.NOTHING) in sentence for sentence in told), told
    assert not single.server.profiles
    for secret in (single.server.client_secret, *single.server.secrets):
        assert secret not in str(result)


def test_a_netrc_of_whoever_runs_it_changes_nothing(single: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """`requests` prefers what it finds there to a token."""
    netrc = single.folder / "netrc"
    netrc.write_text("machine localhost login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert all_installed(single.deliver(single.render()))


@of_jamf
def test_a_node_of_a_cluster_that_is_late_is_waited_for(single: Fleet) -> None:
    single.server.stale_reads = 2
    rendered = single.render()
    assert all_installed(single.deliver(rendered))
    single.server.stale_reads = 1000
    result = single.deliver(single.render(enforce_routes=True))
    assert all("does not show what was written" in entry["msg"] for entry in result["macs"].values())


@of_jamf
def test_a_privilege_that_is_missing_is_named_as_such(single: Fleet) -> None:
    rendered = single.render()
    single.server.privileges.discard("Create macOS Configuration Profiles")
    result = single.deliver(rendered)
    assert all("lacks a privilege" in entry["msg"] for entry in result["macs"].values())
    single.server.privileges.add("Create macOS Configuration Profiles")
    single.server.privileges.discard("View MDM command information in Jamf Pro API")
    result = single.deliver(rendered)
    assert all("not known how far" in entry["msg"] and entry["changed"] for entry in result["macs"].values())


@of_jamf
@pytest.mark.parametrize("way", ["environment", "account", "older release"])
def test_the_ways_in(single: Fleet, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    server = dict(single.server.server)
    if way == "environment":
        for name in ("url", "client_id", "client_secret"):
            monkeypatch.setenv(f"JAMF_{name.upper()}", server.pop(name))
    elif way == "account":
        del server["client_id"], server["client_secret"]
        server |= {"username": single.server.username, "password": single.server.password}
    else:
        single.server.release = (11, 0)
        single.server.faults.add("POST /api/v1/oauth/token", Response(404), times=math.inf)
        single.server.faults.add("GET /api/v4/*", Response(404))
        monkeypatch.setattr(single.server, "answer", lambda request, real=single.server.answer: real(_renamed(request)))
    assert all_installed(single.deliver(single.render(), options={"server": server}))
    assert not single.server.tokens  # each was ended


def _renamed(request: Any) -> Any:
    path = "/api/v1/oauth/token" if request.path == "/api/oauth/token" else request.path
    return type(request)(request.method, request.host, path, request.query, request.headers, request.body)


@of_jamf
def test_what_is_missing_is_named(single: Fleet) -> None:
    rendered = single.render()
    told = single.deliver(rendered, options={"server": {"type": "jamf"}})
    assert told["failed"] and "set server.url (or JAMF_URL) and server.client_id (or JAMF_CLIENT_ID)" in told["msg"]
    for url in ("http://x.example.com", "https://a:b@x.example.com", "https://x.example.com/?a", "x", "https://x y"):
        told = single.deliver(rendered, options={"server": single.server.server | {"url": url}})
        assert told["failed"] and "server.url has to be the https URL" in told["msg"]
    untrusted = single.server.server | {"ca_file": ""}
    told = single.deliver(rendered, options={"server": untrusted})
    assert told["failed"] and "certificate" in told["msg"] and "server.ca_file" in told["msg"]
    broken = single.folder / "broken.pem"
    broken.write_text("no certificate")
    told = single.deliver(rendered, options={"server": single.server.server | {"ca_file": str(broken)}})
    assert told["failed"] and "holds no CA certificate" in told["msg"]


# -- one profile for all --------------------------------------------------------------------------------------------


def test_one_profile_serves_all_and_a_key_is_never_shared(fleet: Fleet) -> None:
    require(fleet.server, "shared_profile")
    rendered = fleet.render()
    result = fleet.deliver({host: entry | {"shared": True} for host, entry in rendered.items()})
    assert all("use SCEP" in entry["msg"] and entry["failed"] for entry in result["macs"].values())
    assert not fleet.server.profiles
    first, second, third = fleet.macs
    one = shared(rendered, fleet.folder)
    result = fleet.deliver({name: one[name] for name in ("mac-01", "mac-02")})
    assert all_installed(result)
    assert fleet.server.scopes() == {f"Contoso VPN [{IDENTIFIER}]": {"mac-01", "mac-02"}}
    # One more: nothing is sent again to those that have it, for that would enrol them again.
    sent = len(fleet.server.commands)
    result = fleet.deliver({"mac-03": one["mac-03"]})
    assert all_installed(result) and len(fleet.server.commands) == sent + 1
    assert fleet.server.scopes() == {f"Contoso VPN [{IDENTIFIER}]": {"mac-01", "mac-02", "mac-03"}}
    assert not fleet.deliver(one)["changed"]
    assert fleet.states(fleet.remove(second)) == {"mac-02": "removed"} and second.installed_profiles() == []
    assert len(first.installed_profiles()) == len(third.installed_profiles()) == 1
    # Who has given it to a group keeps its scope.
    stored = next(iter(fleet.server.profiles.values()))
    fleet.server.give_to_all(stored)
    assert not fleet.deliver(one)["changed"] and list(fleet.server.scopes().values()) == [{"everybody"}]
    assert "take this Mac out there" in fleet.remove(first)["macs"]["mac-01"]["msg"]
    fleet.server.take_back(stored)
    assert fleet.remove(first, third)["changed"] and not fleet.server.profiles


@of_jamf
def test_calls_grow_with_pages_and_changes(tmp_path: Path, server: Server, lab: Lab, pki: Pki) -> None:
    fleet = Fleet(tmp_path, lab, server, pki, 1)
    one = shared(fleet.render(), tmp_path)["mac-01"]
    profiles = [{"host": "mac-01", "serial_number": fleet.macs[0].serial, "profile": one}]
    for number in range(2, 1001):
        mac: Any = SimpleNamespace(
            name=f"mac-{number}",
            serial=f"SERIAL{number:04d}",
            hardware_uuid=str(number),
            release=fleet.macs[0].release,
            push_profile=lambda raw: None,
            installed_profiles=list,
            keychains={},
        )
        server.enrol(mac)
        profiles.append({"host": mac.name, "serial_number": mac.serial, "profile": one})
    wish = {"server": server.server, "profiles": profiles}
    assert all_installed(run_action("mdm_profile", wish))
    first = len(server.requests)
    server.requests.clear()
    result = run_action("mdm_profile", wish)
    assert not result["changed"] and all_installed(result)
    # 10 pages of Macs, 2 of commands, and: two for the token, the list, one for each read or write of the profile.
    assert (first, len(server.requests)) == (19, 16)
