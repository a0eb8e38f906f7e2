# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""server_configuration against the lab's Azure."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure import changes, client, configurations, trust
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509.certificates import read_one
from ansible_collections.vwan.user_vpn.tests.integration.azure.runs import GROUP, Run, killed_at
from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab, faults
from ansible_collections.vwan.user_vpn.tests.lab.azure.faults import Fault

MODULE = "server_configuration"
THUMBPRINT = "0123456789ABCDEF0123456789ABCDEF01234567"
Root = Callable[..., bytes]


def one_line(pem: bytes) -> str:
    """What Azure wants, made without our own code."""
    return base64.b64encode(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)).decode()


def sha1(pem: bytes) -> str:
    return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA1()).hex().upper()


def broken(pem: bytes, name: str = "broken") -> dict[str, str]:
    return {"name": name, "publicCertData": base64.b64encode(pem).decode()}


def stored(name: str, pem: bytes) -> dict[str, str]:
    return {"name": name, "publicCertData": one_line(pem)}


@pytest.fixture
def change(run: Run, macs: Any) -> Callable[..., dict[str, Any]]:
    def change(**arguments: Any) -> dict[str, Any]:
        return run.ok(MODULE, vpn_server_configuration="macs", **arguments)

    return change


@pytest.fixture
def refuse(run: Run, macs: Any) -> Callable[..., str]:
    def refuse(**arguments: Any) -> str:
        return run.fails(MODULE, vpn_server_configuration="macs", **arguments)

    return refuse


def puts(azure: AzureLab) -> list[Any]:
    return [record for record in azure.writes if record.method == "PUT"]


# --- roots and thumbprints ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["one line", "wrapped", "pem", "path pem", "path der", "base64 of pem"])
def test_a_root_in_any_form_is_stored_as_azure_wants_it(
    form: str, macs: Any, change: Any, make_root: Root, tmp_path: Path
) -> None:
    pem = make_root()
    (tmp_path / "root.pem").write_bytes(pem)
    (tmp_path / "root.der").write_bytes(base64.b64decode(one_line(pem)))
    entry = {
        "one line": {"public_cert_data": one_line(pem)},
        "wrapped": {"public_cert_data": base64.encodebytes(base64.b64decode(one_line(pem))).decode()},
        "pem": {"public_cert_data": pem.decode()},
        "path pem": {"path": "root.pem"},
        "path der": {"path": str(tmp_path / "root.der")},
        "base64 of pem": {"public_cert_data": broken(pem)["publicCertData"]},
    }[form]
    result = change(roots=[entry])
    name = f"P2SRootCert-{sha1(pem)[:8]}"
    assert macs.properties["vpnClientRootCertificates"] == [{"name": name, "publicCertData": one_line(pem)}]
    assert result["changed"]
    assert [(root["name"], root["sha1"], root["status"]) for root in result["roots"]] == [(name, sha1(pem), "ok")]
    assert sha1(pem) in result["diff"]["after"] and sha1(pem) not in result["diff"]["before"]


def test_second_run_writes_nothing_whatever_the_names(azure: AzureLab, macs: Any, change: Any, make_root: Root) -> None:
    pem = make_root()
    wish = {
        "roots": [{"name": "ours", "public_cert_data": one_line(pem)}],
        "revoked": [{"name": "mac-1", "thumbprint": ":".join(THUMBPRINT[i : i + 2] for i in range(0, 40, 2)).lower()}],
    }
    assert change(**wish)["changed"]
    macs.properties["vpnClientRootCertificates"][0]["name"] = "renamed in the portal"
    macs.properties["vpnClientRootCertificates"][0]["publicCertData"] = base64.encodebytes(
        base64.b64decode(one_line(pem))
    ).decode()
    macs.properties["vpnClientRevokedCertificates"][0]["thumbprint"] = THUMBPRINT.lower()
    azure.forget_requests()
    again = change(**wish)
    assert (again["changed"], again["changes"], azure.writes) == (False, [], [])
    assert "diff" not in again


def test_roots_and_thumbprints_go_again(azure: AzureLab, macs: Any, change: Any, make_root: Root) -> None:
    one, two = make_root("one"), make_root("two")
    change(roots=[{"public_cert_data": one_line(pem)} for pem in (one, two)], revoked=[{"thumbprint": THUMBPRINT}])
    azure.forget_requests()
    gone = {
        "roots": [{"sha1": sha1(one).lower(), "state": "absent"}],
        "revoked": [{"thumbprint": THUMBPRINT, "state": "absent"}],
    }
    assert change(**gone)["changed"]
    assert [root["publicCertData"] for root in macs.properties["vpnClientRootCertificates"]] == [one_line(two)]
    assert macs.properties["vpnClientRevokedCertificates"] == []
    assert not change(**gone)["changed"]
    assert len(azure.writes) == 1


def test_purge(azure: AzureLab, macs: Any, change: Any, make_root: Root) -> None:
    macs.properties["vpnClientRootCertificates"] = [
        stored("old", make_root("old")),
        {"name": "junk", "publicCertData": "x"},
    ]
    macs.properties["vpnClientRevokedCertificates"] = [{"name": "old", "thumbprint": "A" * 40}]
    new = make_root("new")
    wish = {"roots": [{"public_cert_data": one_line(new)}], "revoked": [{"thumbprint": THUMBPRINT}]}
    change(**wish, purge_roots=True, purge_revoked=True)
    assert [item["publicCertData"] for item in macs.properties["vpnClientRootCertificates"]] == [one_line(new)]
    assert [item["thumbprint"] for item in macs.properties["vpnClientRevokedCertificates"]] == [THUMBPRINT]
    assert not change(**wish, purge_roots=True, purge_revoked=True)["changed"]
    assert len(azure.writes) == 1


def test_a_name_in_use_gets_a_piece_of_the_fingerprint(macs: Any, change: Any, make_root: Root) -> None:
    one, two = make_root("one"), make_root("two")
    change(
        roots=[{"name": "root", "public_cert_data": one_line(one)}], revoked=[{"name": "mac", "thumbprint": "A" * 40}]
    )
    change(
        roots=[{"name": "ROOT", "public_cert_data": one_line(two)}], revoked=[{"name": "mac", "thumbprint": THUMBPRINT}]
    )
    names = [item["name"] for item in macs.properties["vpnClientRootCertificates"]]
    assert names == ["root", f"ROOT-{sha1(two)[:8]}"]
    names = [item["name"] for item in macs.properties["vpnClientRevokedCertificates"]]
    assert names == ["mac", "mac-01234567"]


def test_check_mode_predicts_and_only_reads(azure: AzureLab, macs: Any, change: Any, make_root: Root) -> None:
    wish = {"roots": [{"public_cert_data": one_line(make_root())}], "revoked": [{"thumbprint": THUMBPRINT}]}
    predicted = change(**wish, check=True)
    assert azure.writes == []
    assert {record.method for record in azure.arm_requests} == {"GET"}
    real = change(**wish)
    assert {key: predicted[key] for key in ("changed", "changes", "roots", "revoked", "diff")} == {
        key: real[key] for key in ("changed", "changes", "roots", "revoked", "diff")
    }
    assert not change(**wish, check=True)["changed"]


@pytest.mark.parametrize(
    ("state", "options"),
    [
        (["old"], {"purge_roots": True}),
        (["expired"], {"remove_expired_roots": True}),
        (["expired"], {}),
        (["expired", "old"], {"purge_roots": True}),
        ([f"r{number}" for number in range(20)], {}),
        ([], {}),
    ],
)
def test_check_mode_knows_that_a_root_is_still_to_be_made(
    state: list[str], options: dict[str, Any], macs: Any, run: Run, make_root: Root
) -> None:
    days = {"expired": -1}
    macs.properties["vpnClientRootCertificates"] = [
        stored(name, make_root(name, days=days.get(name, 365))) for name in state
    ]
    wish = {"vpn_server_configuration": "macs", **options}
    predicted = run(MODULE, check=True, roots=[{"name": "new", "public_cert_data": ""}], **wish)
    real = run(MODULE, roots=[{"name": "new", "public_cert_data": one_line(make_root("new"))}], **wish)
    assert (predicted["failed"], predicted["changed"]) == (real["failed"], real["changed"])
    assert predicted.get("msg") == real.get("msg")
    assert len(predicted.get("changes", [])) == len(real.get("changes", []))
    if not real["failed"]:
        assert "trusted root new: to be made\n" in predicted["diff"]["after"]
        assert predicted["diff"]["after"].count("\n") == real["diff"]["after"].count("\n")


def test_a_root_without_a_name_that_is_still_to_be_made(macs: Any, change: Any) -> None:
    result = change(check=True, roots=[{"public_cert_data": ""}])
    assert result["changes"] == ["trust the root that this run would make"]
    assert result["diff"]["after"].endswith("\ntrusted root: to be made\n")


def test_without_certificate_authentication_no_root_needs_to_stay(macs: Any, change: Any, make_root: Root) -> None:
    macs.properties["vpnClientRootCertificates"] = [stored("old", make_root("old"))]
    macs.properties["vpnAuthenticationTypes"] = ["AAD"]
    assert change(purge_roots=True)["roots"] == []


# --- everything else stays ---------------------------------------------------------------------------------------


def test_everything_else_goes_back_as_it_came(azure: AzureLab, run: Run, make_root: Root) -> None:
    configuration = azure.add_server_configuration(
        "rich",
        protocols=("IkeV2", "OpenVPN"),
        auth=("Certificate", "Radius", "AAD"),
        ipsec_policy=dict(configurations.GOOD_POLICY),
        tags={"owner": "net"},
        futureProperty={"deep": [1, {"kept": True}]},
        aadAuthenticationParameters={"aadTenant": "t", "aadAudience": "a", "aadIssuer": "i"},
        radiusServerAddress="10.0.0.9",
        radiusServerSecret="single-radius-secret",
        radiusServers=[
            {"radiusServerAddress": "10.0.0.8", "radiusServerScore": 5, "radiusServerSecret": "listed-radius-secret"}
        ],
        radiusClientRootCertificates=[{"name": "rc", "thumbprint": "B" * 40}],
    )
    before = {key: value for key, value in configuration.properties.items() if key != "vpnClientRootCertificates"}
    wish = {"vpn_server_configuration": "rich", "roots": [{"public_cert_data": one_line(make_root())}]}
    run.ok(MODULE, **wish)
    after = {key: value for key, value in configuration.properties.items() if key != "vpnClientRootCertificates"}
    assert after == before
    assert configuration.tags == {"owner": "net"}
    (put,) = puts(azure)
    assert put.headers.get("If-Match") or put.headers.get("if-match")
    azure.forget_requests()
    assert not run.ok(MODULE, **wish)["changed"]
    assert [record.method for record in azure.arm_requests] == ["GET"]


def test_a_radius_secret_that_azure_quotes_is_not_shown(azure: AzureLab, run: Run, make_root: Root) -> None:
    azure.add_server_configuration(
        "mixed", auth=("Certificate", "Radius"), radiusServerAddress="10.0.0.9", radiusServerSecret="a-radius-secret"
    )
    refusal = faults.status(400, "InvalidRequestFormat", "The value 'a-radius-secret' cannot be parsed.")
    azure.faults.add("PUT */vpnServerConfigurations/mixed", refusal)
    message = run.fails(MODULE, vpn_server_configuration="mixed", roots=[{"public_cert_data": make_root().decode()}])
    assert "(InvalidRequestFormat): The value '********' cannot be parsed." in message


def test_a_radius_secret_that_cannot_be_read_is_not_lost(azure: AzureLab, run: Run, make_root: Root) -> None:
    azure.add_server_configuration(
        "mixed", auth=("Certificate", "Radius"), radiusServerAddress="10.0.0.9", radiusServerSecret="a-radius-secret"
    )
    azure.faults.add("POST */listRadiusSecrets", faults.body(b'{"value": []}', "application/json"))
    wish = {"vpn_server_configuration": "mixed", "roots": [{"public_cert_data": one_line(make_root())}]}
    assert "would lose it" in run.fails(MODULE, **wish)
    for refusal in (
        faults.status(404, "NotFound", "No HTTP resource was found that matches the request URI."),
        faults.raw(404, b""),
        faults.status(400, "InvalidApiVersionParameter", "The api-version '2024-10-01' is invalid."),
    ):
        azure.faults.add("POST */listRadiusSecrets", refusal)
        message = run.fails(MODULE, **wish)
        assert "Azure has no operation here to read the RADIUS secrets" in message and "in the portal" in message
        assert "check the name" not in message and "azure-mgmt-network" not in message
    azure.grant("Microsoft.Network/vpnServerConfigurations/read", "Microsoft.Network/vpnServerConfigurations/write")
    assert "listRadiusSecrets" in run.fails(MODULE, **wish)
    assert azure.writes == []


# --- expired and broken ------------------------------------------------------------------------------------------


def test_an_expired_root_blocks_explains_and_is_removed_when_asked(
    azure: AzureLab, macs: Any, change: Any, refuse: Any, make_root: Root
) -> None:
    macs.properties["vpnClientRootCertificates"] = [
        stored("gone", make_root("gone", days=-1)),
        stored("ok", make_root()),
    ]
    (warning,) = change()["warnings"]
    assert "expired root gone" in warning
    message = refuse(revoked=[{"thumbprint": THUMBPRINT}])
    assert "gone (CN=gone" in message and "remove_expired_roots" in message
    assert azure.writes == []
    result = change(revoked=[{"thumbprint": THUMBPRINT}], remove_expired_roots=True)
    assert [root["name"] for root in result["roots"]] == ["ok"]
    assert len(azure.writes) == 1


def test_azures_own_refusal_of_an_expired_root_says_the_same(macs: Any, refuse: Any, azure: AzureLab) -> None:
    azure.faults.add("put", faults.status(400, "VpnServerConfigurationCertificateExpired", "Certificate 'x' expired."))
    assert "remove_expired_roots: true" in refuse(revoked=[{"thumbprint": THUMBPRINT}])


def test_a_broken_upload_is_told_and_repaired_when_asked(
    azure: AzureLab, macs: Any, change: Any, make_root: Root
) -> None:
    pem = make_root()
    macs.properties["vpnClientRootCertificates"] = [broken(pem)]
    told = change()
    assert "base64 of a PEM file" in told["warnings"][0]
    assert told["roots"][0]["status"] == "broken"
    assert azure.writes == []
    result = change(repair_broken_roots=True)
    assert macs.properties["vpnClientRootCertificates"] == [{"name": "broken", "publicCertData": one_line(pem)}]
    assert result["roots"][0]["status"] == "ok"
    assert "warnings" not in result


def test_a_wanted_root_that_was_uploaded_broken_is_repaired(macs: Any, change: Any, make_root: Root) -> None:
    pem = make_root()
    macs.properties["vpnClientRootCertificates"] = [broken(pem)]
    change(roots=[{"public_cert_data": one_line(pem)}])
    assert macs.properties["vpnClientRootCertificates"] == [{"name": "broken", "publicCertData": one_line(pem)}]


# --- refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"ca": False}, "not a CA certificate"),
        ({"size": 1024}, "1024 bits"),
        ({"days": -1}, "expired on"),
    ],
)
def test_roots_that_no_client_could_use(
    options: dict[str, Any], expected: str, azure: AzureLab, refuse: Any, make_root: Root
) -> None:
    assert expected in refuse(roots=[{"public_cert_data": make_root(**options).decode()}])
    assert azure.writes == []


def test_a_root_that_azure_trusts_already_is_not_judged(macs: Any, change: Any, make_root: Root) -> None:
    """Whatever we think of it: clients may live on it."""
    pem = make_root(ca=False, size=1024)
    macs.properties["vpnClientRootCertificates"] = [stored("theirs", pem)]
    assert not change(roots=[{"public_cert_data": pem.decode()}])["changed"]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"revoked": [{"thumbprint": "A" * 64}]}, "SHA-256"),
        ({"revoked": [{"thumbprint": "A" * 39}]}, "40 hex digits"),
        ({"roots": [{"public_cert_data": "bm90IGEgY2VydGlmaWNhdGU="}]}, "holds no certificate"),
        ({"roots": [{"sha1": "A" * 40}]}, "state: absent"),
        ({"roots": [{"path": "nowhere.pem"}]}, "nowhere.pem"),
        ({"roots": [{"name": "nothing"}]}, "one of the following is required"),
        ({"roots": [{"path": ""}]}, "one of the following is required: path"),
        ({"roots": [{"public_cert_data": ""}]}, "roots[1] is empty"),
        ({"roots": [{"public_cert_data": None}]}, "one of the following is required"),
        ({"roots": [{"sha1": "", "state": "absent"}]}, "roots[1] is empty"),
        ({"roots": [{"public_cert_data": "\ud800"}]}, "roots cannot be used, for it holds half a character"),
        ({"revoked": [{"thumbprint": ""}]}, "40 hex digits"),
        (
            {"revoked": [{"thumbprint": THUMBPRINT}, {"thumbprint": THUMBPRINT.lower(), "state": "absent"}]},
            f"{THUMBPRINT} is both present and absent in revoked",
        ),
    ],
)
def test_wishes_that_make_no_sense(wish: dict[str, Any], expected: str, azure: AzureLab, refuse: Any) -> None:
    assert expected in refuse(**wish)
    assert azure.requests == []


def test_the_gateway_wins_and_an_empty_name_is_none(azure: AzureLab, macs: Any, run: Run) -> None:
    lost = {"revoked": [{"thumbprint": THUMBPRINT}]}
    others = {"virtual_wan": "no such wan", "vpn_server_configuration": "no such configuration"}
    done = run.ok(MODULE, **lost, **others, p2s_vpn_gateway="gw1")
    assert (done["changed"], done["id"]) == (True, macs.id)
    wan = {"virtual_wan": "wan1", "vpn_server_configuration": "", "p2s_vpn_gateway": ""}
    again = run.ok(MODULE, **lost, **wan)
    assert (again["changed"], again["id"]) == (False, macs.id)
    assert run.fails(MODULE, **lost, **wan | {"virtual_wan": ""}) == (
        "one of the following is required: vpn_server_configuration, virtual_wan, p2s_vpn_gateway"
    )


def test_a_root_both_present_and_absent(azure: AzureLab, refuse: Any, make_root: Root) -> None:
    pem = make_root()
    for entries in ([0, 1], [1, 0]):
        roots = [{"public_cert_data": one_line(pem)}, {"sha1": sha1(pem), "state": "absent"}]
        assert "both present and absent in roots" in refuse(roots=[roots[entry] for entry in entries])
    assert azure.requests == []


def test_more_than_twenty_roots_and_none_at_all(
    azure: AzureLab, macs: Any, refuse: Any, change: Any, make_root: Root
) -> None:
    macs.properties["vpnClientRootCertificates"] = [stored(f"r{n}", make_root(f"r{n}")) for n in range(20)]
    assert "21 roots" in refuse(roots=[{"public_cert_data": one_line(make_root())}])
    assert "no root any more" in refuse(purge_roots=True)
    assert azure.writes == []
    new = [{"public_cert_data": one_line(make_root())}, {"sha1": sha1_of(macs, 0), "state": "absent"}]
    assert len(change(roots=new)["roots"]) == 20


def sha1_of(configuration: Any, index: int) -> str:
    data = configuration.properties["vpnClientRootCertificates"][index]["publicCertData"]
    return x509.load_der_x509_certificate(base64.b64decode(data)).fingerprint(hashes.SHA1()).hex()


# --- others change it, too ---------------------------------------------------------------------------------------


def test_a_colleagues_change_in_between_is_kept(azure: AzureLab, macs: Any, change: Any, make_root: Root) -> None:
    def colleague(_request: object) -> None:
        macs.properties["vpnClientRevokedCertificates"] = [{"name": "theirs", "thumbprint": "C" * 40}]
        macs.touch()

    azure.faults.add("put", faults.call(colleague))
    result = change(roots=[{"public_cert_data": one_line(make_root())}], revoked=[{"thumbprint": THUMBPRINT}])
    assert [item["thumbprint"] for item in result["revoked"]] == ["C" * 40, THUMBPRINT]
    assert [record.status for record in puts(azure)] == [412, 200]


def test_a_colleague_does_the_same(azure: AzureLab, macs: Any, change: Any) -> None:
    def colleague(_request: object) -> None:
        macs.properties["vpnClientRevokedCertificates"] = [{"name": "theirs", "thumbprint": THUMBPRINT}]
        macs.touch()

    azure.faults.add("put", faults.call(colleague))
    result = change(revoked=[{"thumbprint": THUMBPRINT}])
    assert (result["changed"], [item["name"] for item in result["revoked"]]) == (True, ["theirs"])


def test_a_change_undone_at_once_is_noticed(azure: AzureLab, macs: Any, refuse: Any) -> None:
    def colleague(_request: object) -> None:
        macs.properties["vpnClientRevokedCertificates"] = []
        macs.touch()

    azure.faults.add(
        lambda request: bool(puts(azure)) and request.path.lower().endswith("/macs"), faults.call(colleague)
    )
    assert "somebody undid it" in refuse(revoked=[{"thumbprint": THUMBPRINT}])


def test_another_operation_is_waited_for(azure: AzureLab, macs: Any, change: Any) -> None:
    azure.faults.add("put", faults.conflict(), times=2)
    assert change(revoked=[{"thumbprint": THUMBPRINT}])["changed"]


def test_an_update_under_way_is_waited_for(
    azure: AzureLab, macs: Any, change: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    macs.properties["provisioningState"] = "Updating"

    def finish(_request: object) -> None:
        macs.properties["provisioningState"] = "Succeeded"

    azure.faults.add(lambda request: len(azure.arm_requests) == 2, faults.call(finish))
    assert change(revoked=[{"thumbprint": THUMBPRINT}])["changed"]
    assert len(puts(azure)) == 1


WRITE_HICCUPS = {
    "reset": faults.reset(),
    "409": faults.conflict(),
    "409 with another code": faults.status(409, "SomethingIsGoingOn", "Later."),
    "409 with Retry-After": faults.status(409, "AnotherOperationInProgress", "Busy.", retry_after=0),
    "412": faults.etag_mismatch(),
    "429": faults.throttled(),
    "429 with Retry-After": faults.throttled(retry_after=0),
    "500": faults.internal_error(),
    "502": faults.raw(502, b"<html>"),
    "503": faults.unavailable(),
    "503 with Retry-After": faults.unavailable(retry_after=0),
    "504": faults.raw(504, b""),
}


@pytest.mark.parametrize(
    "fault", [*WRITE_HICCUPS.values(), faults.reset(served=True)], ids=[*WRITE_HICCUPS, "reset when served"]
)
def test_a_hiccup_of_the_write(fault: Any, azure: AzureLab, macs: Any, change: Any) -> None:
    azure.faults.add("put", fault)
    result = change(revoked=[{"thumbprint": THUMBPRINT}])
    assert result["changed"]
    assert [item["thumbprint"] for item in macs.properties["vpnClientRevokedCertificates"]] == [THUMBPRINT]


@pytest.mark.parametrize("fault", WRITE_HICCUPS.values(), ids=WRITE_HICCUPS)
def test_a_change_before_a_repeated_write_is_kept_even_if_the_etag_counts_for_nothing(
    fault: Any, azure: AzureLab, macs: Any, change: Any, make_root: Root
) -> None:
    def colleague(request: Any) -> Any:
        macs.properties["vpnClientRootCertificates"] = [stored("theirs", make_root("theirs"))]
        return fault.before(request)

    def forget_the_etag(request: Any) -> None:
        for name in [name for name in request.headers if name.lower() == "if-match"]:
            del request.headers[name]

    azure.faults.add("put", Fault("a colleague, then a hiccup", before=colleague))
    azure.faults.add("put", faults.call(forget_the_etag), times=10)
    change(roots=[{"name": "ours", "public_cert_data": one_line(make_root("ours"))}])
    assert [root["name"] for root in macs.properties["vpnClientRootCertificates"]] == ["theirs", "ours"]
    assert len(puts(azure)) == 2


@pytest.mark.parametrize(
    ("fault", "expected"),
    [(faults.unavailable(), "ServiceUnavailable"), (faults.reset(), "cannot be reached")],
    ids=["503", "reset"],
)
def test_a_write_that_never_succeeds_is_an_error_soon(fault: Any, expected: str, azure: AzureLab, refuse: Any) -> None:
    azure.faults.add("put", fault, times=1000)
    assert expected in refuse(revoked=[{"thumbprint": THUMBPRINT}])
    assert len(puts(azure)) == 5


def test_a_refusal_that_no_waiting_helps_is_an_error_at_once(azure: AzureLab, refuse: Any) -> None:
    azure.faults.add("put", faults.status(409, "ScopeLocked", "Locked."), times=1000)
    assert "a lock protects the resource" in refuse(revoked=[{"thumbprint": THUMBPRINT}])
    assert len(puts(azure)) == 1


def test_a_failed_operation_is_an_error(azure: AzureLab, macs: Any, refuse: Any) -> None:
    azure.faults.add("put", faults.failed("InternalServerError", "It broke."))
    assert "It broke" in refuse(revoked=[{"thumbprint": THUMBPRINT}])


def test_killed_at_any_request_leaves_before_or_after(azure: AzureLab, macs: Any, run: Run, make_root: Root) -> None:
    root = read_one(make_root(), "root")
    wish = trust.Wish(roots=(trust.RootWish(root.sha1, root, "new"),), revoked=(trust.RevokedWish(THUMBPRINT),))
    before = dict(macs.properties)
    number = 1
    seen = set()

    def work() -> None:
        changes.ensure(client.connect({}, os.environ, print), GROUP, "macs", wish)

    while killed_at(azure, number, work):
        roots = len(macs.properties["vpnClientRootCertificates"])
        assert roots == len(macs.properties["vpnClientRevokedCertificates"])
        seen.add(roots)
        macs.properties.clear()
        macs.properties.update(before)
        number += 1
    assert number > 5
    assert seen == {0, 1}
