# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet's page, read by html.parser. What a browser makes of it: tests/integration/test_page.py."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.conclusion import STATUSES, Standing, document, read
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.overview import TONES
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.report import report
from ansible_collections.vwan.user_vpn.plugins.modules import connection_info, ledger_info
from ansible_collections.vwan.user_vpn.tests.lab import sample_fleet

MACS = 40
VOID = {"meta", "link", "input", "br", "line", "rect"}
BARE = {"sessions": [], "addresses": [], "twice": [], "revoked": [], "unknown": []}


class Page(HTMLParser):
    """What a page holds: its elements with their attributes and texts. Fails where they are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[dict[str, Any]] = []
        self.elements: list[dict[str, Any]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.elements.append({"tag": tag, "attributes": dict(attrs), "text": ""})
        if tag not in VOID:
            self.open.append(self.elements[-1])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append({"tag": tag, "attributes": dict(attrs), "text": ""})

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element["text"] += data

    def all(self, tag: str, **attributes: str) -> list[dict[str, Any]]:
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [e for e in self.elements if e["tag"] == tag and wanted.items() <= e["attributes"].items()]

    def one(self, tag: str, **attributes: str) -> dict[str, Any]:
        (found,) = self.all(tag, **attributes)
        return found

    def table(self, caption: str) -> list[list[str]]:
        """The cells of the table with this caption."""
        start = next(i for i, e in enumerate(self.elements) if e["tag"] == "caption" and e["text"].startswith(caption))
        rows: list[list[str]] = []
        for element in self.elements[start + 1 :]:
            if element["tag"] == "table":
                break
            if element["tag"] == "tr":
                rows.append([])
            if element["tag"] in ("th", "td"):
                rows[-1].append(element["text"].strip())
        return rows

    def columns(self) -> list[dict[str, str]]:
        head, *rows = self.table("Macs. ")
        return [dict(zip(head, row, strict=True)) for row in rows if len(row) == len(head)]


def html(told: Any = None, connected: Any = None, run: str = "", **names: str) -> str:
    return report(told or sample_fleet.told(MACS), "html", connected or {}, run=run, **names)


def whole(macs: int = MACS) -> Page:
    run = sample_fleet.run(macs)
    return Page(
        html(sample_fleet.told(macs), sample_fleet.connected(macs), run, fleet="Contoso", configuration="/r/macs")
    )


def test_the_sample_is_as_the_modules_have_it() -> None:
    """What the tests and the pictures of this page are made of has all that is documented, and nothing else."""
    documented = {name: yaml.safe_load(module.RETURN) for name, module in (("l", ledger_info), ("c", connection_info))}
    told, connected = sample_fleet.told(3), sample_fleet.connected(3)
    assert told.keys() == documented["l"].keys() and connected.keys() == documented["c"].keys()
    (client,) = documented["l"]["clients"]["sample"].values()
    assert next(iter(told["clients"].values())).keys() == client.keys() == documented["l"]["clients"]["contains"].keys()
    for name in ("certificates", "deliveries", "events", "gateway_roots"):
        assert told[name][0].keys() == documented["l"][name]["contains"].keys(), name
    assert connected["sessions"][0].keys() == documented["c"]["sessions"]["contains"].keys()
    statuses = set(re.findall(r"V\((\w+)\)", "".join(documented["l"]["clients"]["contains"]["status"]["description"])))
    assert statuses == set(TONES)


def test_what_stands_on_top() -> None:
    page = whole()
    assert page.one("h1")["text"] == "User VPN of Contoso"
    assert page.all("title")[0]["text"] == "User VPN of Contoso, 2026-11-28"
    facts = dict(zip((e["text"] for e in page.all("dt")), (e["text"] for e in page.all("dd")), strict=True))
    assert facts == {
        "Generated": "2026-11-28 (UTC)",
        "Fleet": "Contoso",
        "User VPN configuration": "macs",
        "Macs seen": "38 of 40",
        "Last entry in the store": "2026-11-27 12:30",
    }
    tiles = [e["text"] for e in page.elements if e["attributes"].get("class", "").startswith("tile ")]
    assert tiles == [
        "27 current", "4 expiring", "1 expired", "4 behind", "2 never delivered", "1 removed from Mac", "1 revoked",
    ]  # fmt: skip
    assert page.table("Ours")[1][0].startswith("P2SRootCertgeneration 1, previous")
    assert page.table("Ours")[1][1:] == ["2027-05-30", "5"]
    assert ["2038-01-15", "36"] in [row[1:] for row in page.table("Of the gateways")]
    assert page.table("Macs by version")[1][::2] == ["macOS 26", "13"]
    assert "First of all" in page.all("h2")[0]["text"]
    assert "Connected more than once: mac-lon-chris-002." in page.all("li")[0]["text"]
    assert page.one("h2", id="last-run")["text"] == "The last run, 2026-11-28 02:41 UTC"


def test_certificates_by_the_month_in_which_they_end() -> None:
    told = sample_fleet.told(5)
    ends = (
        "2026-11-28T14:30:00Z",
        "2026-11-28T14:30:01Z",
        "2027-01-31T23:59:59Z",
        "2027-11-01T00:00:00Z",
        "2027-12-01T00:00:00Z",
    )
    for client, end in zip(told["clients"].values(), ends, strict=True):
        client |= {"not_after": end, "status": "current"}
    said = Page(html(told)).one("title", id="ends-told")["text"]
    assert said == "Certificates by the month in which they end. ended: 1, Nov 2026: 1, Jan 2027: 1, Nov: 1."
    told["time"] = "2026-12-31T23:00:00Z"
    assert "ended: 2, Jan 2027: 1, Nov: 1, Dec: 1." in html(told)
    for client in told["clients"].values():
        client["status"] = "revoked"
    assert "they end. None." in html(told)


def test_who_needs_the_same_is_together_with_the_next_step() -> None:
    steps = [[row[0], row[1], row[2].split("\n")[0]] for row in whole().table("Reasons")[1:]]
    assert [row[:2] for row in steps] == [
        ["4", "expiring"], ["1", "expired"], ["3", "behind"], ["1", "behind"], ["2", "never delivered"],
        ["1", "removed from Mac"],
    ]  # fmt: skip
    assert steps[2][2].startswith("Have the waiting profile approved on the Mac, and look at it again.")


def test_one_row_a_mac() -> None:
    rows = {row["Mac"]: row for row in whole().columns()}
    assert len(rows) == MACS
    behind = rows["mac-nyc-julia-003"]
    assert behind["Profile"] == "9FA4BB27, wanted DEBB8163"
    assert behind == {
        "Mac": "mac-nyc-julia-003", "Status": "behind", "macOS": "15.5", "Delivery": "pending approval",
        "Profile": behind["Profile"], "Serial number": behind["Serial number"], "Days left": "141", "On Mac": "7",
        "Gateway roots": "1 of 2", "Verified": behind["Seen"], "Seen": "2026-11-25 13:39", "Connected (Mac)": "no",
        "Connected (Azure)": "no", "User group": "Employees", "Address pool": "172.31.250.0/23",
        "Next step": "Have the waiting profile approved on the Mac, and look at it again.",
        "Detail": "Until 2026-12-06T12:30:00Z it connects with the certificate that is on it.",
    }  # fmt: skip
    never = rows["mac-ams-hana-025"]  # unreachable in the last run, so that nobody asked
    assert [never[name] for name in ("On Mac", "Gateway roots", "Seen", "Connected (Mac)")] == [""] * 4
    assert rows["mac-lon-chris-002"]["Connected (Azure)"] == "2 times"
    assert rows["mac-sfo-emil-004"]["Connected (Mac)"].startswith("172.31.25")


def test_a_column_that_is_empty_for_all_is_left_out() -> None:
    head = Page(html()).columns()[0].keys()
    assert not {"Host", "Connected (Mac)", "Connected (Azure)", "User group", "Address pool"} & head
    assert "Host" in Page(html(_with("host", "other.example.com"))).columns()[0]
    assert Page(html(connected=BARE)).columns()[0]["Connected (Azure)"] == "no"


def test_when_an_mdm_last_heard_of_a_mac() -> None:
    mac = {"state": "pending", "last_seen": "2026-11-27T08:15:00Z", "error": ""}
    page = Page(report(sample_fleet.told(3), "html", {}, {"macs": {sample_fleet.name_of(0): mac}}))
    rows = {row["Mac"]: (row["MDM"], row["MDM check-in"]) for row in page.columns()}
    assert rows.pop(sample_fleet.name_of(0)) == ("pending", "2026-11-27 08:15")
    assert set(rows.values()) == {("", "")}
    assert "In the MDM, pending: " in page.all("li")[0]["text"]


def test_revocations_with_date_reason_and_who() -> None:
    (row,) = whole().table("Certificates that were revoked")[1:]
    assert row[:5] == ["mac-tok-lena-029", "2026-10-02 09:04", "stolen, ticket 4711", "anna", "2026-10-02 09:12"]
    told = sample_fleet.told(MACS)
    told["events"] = [event for event in told["events"] if event["what"] != "refused"]
    assert Page(html(told)).table("Certificates that were revoked")[1][4] == "not seen yet"


def test_the_history_of_each_macs_certificates() -> None:
    history = json.loads(whole().one("script", id="history")["text"])
    assert len(history) == MACS
    told = sample_fleet.told(MACS)["clients"]["mac-tok-lena-029"]
    assert [line[1] for line in history["mac-tok-lena-029"]] == ["issued", "superseded", "issued", "revoked", "refused"]
    assert history["mac-tok-lena-029"][3] == [
        "2026-10-02 09:04", "revoked", "stolen, ticket 4711", "anna", told["sha1"], told["not_after"][:10],
    ]  # fmt: skip


def test_the_page_lets_a_browser_load_nothing_and_run_its_own_script_alone() -> None:
    page = whole()
    policy = page.one("meta", http_equiv="Content-Security-Policy")["attributes"]["content"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    for rule, tag in (("style-src", "style"), ("script-src", "script")):
        (element,) = (e for e in page.all(tag) if not e["attributes"].get("type"))
        hashed = base64.b64encode(hashlib.sha256(element["text"].encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{hashed}'"
    attributes = [(name, value) for e in page.elements for name, value in e["attributes"].items()]
    assert not [name for name, _value in attributes if name == "style" or name.startswith("on")]
    assert [value for name, value in attributes if name in ("src", "href", "action")] == ["data:,", "#macs"]


def test_everything_has_a_name_for_those_who_do_not_see_it() -> None:
    page = whole()
    ids = [e["attributes"]["id"] for e in page.elements if "id" in e["attributes"]]
    assert len(ids) == len(set(ids))
    for element in page.elements:
        for name in ("aria-labelledby", "aria-controls", "for"):
            assert element["attributes"].get(name, ids[0]) in ids
    assert len(page.all("table")) == len(page.all("caption"))
    assert all(e["attributes"].get("scope") in ("col", "row") for e in page.all("th"))
    assert all(e["text"].strip() or "aria-label" in e["attributes"] for e in page.all("button"))
    assert all(e["attributes"].get("type") for e in page.all("button"))
    assert {e["attributes"].get("aria-sort") for e in page.all("th")} == {"ascending", None}


def test_the_same_is_the_same_bytes_whoever_told_it_in_which_order() -> None:
    def turned(value: Any) -> Any:
        return {key: turned(value[key]) for key in reversed(value)} if isinstance(value, dict) else value

    told = sample_fleet.told(MACS)
    assert html(turned(told)) == html(told)
    assert html(told | {"time": "2026-11-28T23:59:59Z"}) == html(told)  # later on the same day


def test_a_fleet_that_has_nothing_yet() -> None:
    told = sample_fleet.told(0) | {"gateway_roots": [], "roots": []}
    page = Page(html(told))
    assert page.columns() == []
    assert "Nothing: every Mac has what it is to have." in html(told)


HOSTILE = (
    "<script>document.title='x'</script>", "</script><script>x</script>", "--><!--<script>", '"onmouseover="x', "'&lt;",
    "]]><svg/onload=x>", "{{ 7 * 7 }}{% raw %}", "</textarea></title></style><img src=x>",
)  # fmt: skip


def _with(key: str, value: str) -> dict[str, Any]:
    told = sample_fleet.told(3)
    next(iter(told["clients"].values()))[key] = value
    return told


def shape(page: Page) -> list[Any]:
    """All elements with their attributes, but for those that hold what was told."""
    told = ("data-find", "data-status", "aria-label", "data-most", "class")
    return [(e["tag"], {k: v for k, v in e["attributes"].items() if k not in told}) for e in page.elements]


@settings(max_examples=60, deadline=None)
@given(
    text=st.one_of(
        st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
    ),
    key=st.sampled_from(["serial_number", "next_step", "detail", "macos_version", "status", "delivery", "host"]),
)
def test_what_a_mac_said_stays_text(text: str, key: str) -> None:
    assert shape(Page(html(_with(key, f"x{text}")))) == shape(Page(html(_with(key, "x"))))


@pytest.mark.parametrize("text", HOSTILE)
def test_names_reasons_and_people_stay_text(text: str) -> None:
    told, plain = sample_fleet.told(30), sample_fleet.told(30)
    for some, value in ((told, text), (plain, "x")):
        some["clients"] = {f"{name}{value}": client for name, client in some["clients"].items()}
        for each in (*some["events"], *some["certificates"]):
            for key in ("who", "why", "reason", "name", "client"):
                if key in each:
                    each[key] += value
        some["roots"][0]["common_name"] = some["gateway_roots"][0]["subject"] = value
    page = Page(html(told, fleet=text, configuration=text.replace("/", "")))
    assert shape(page) == shape(Page(html(plain, fleet="x", configuration="x")))
    assert page.one("h1")["text"] == f"User VPN of {text}"
    history = json.loads(page.one("script", id="history")["text"])
    assert [row["Mac"] for row in page.columns()] == list(history)


# -- what a run leaves for the page


def test_what_a_run_has_left_is_read_as_it_was() -> None:
    told = [
        Standing("mac-01", "current", "", connected=True, address="172.31.250.4"),
        Standing("mac-02", "failed", "No."),
    ]
    assert read(document(told, "2026-11-28T02:41:00Z")) == (
        [Standing(**{**vars(mac), "address_pools": []}) for mac in told],
        "2026-11-28T02:41:00Z",
    )


NO_RUN = [
    "{", "[]", "{}", '{"macs": 1}', '{"macs": {}, "time": 1}', '{"macs": {"a": {}}, "time": ""}',
    '{"macs": {"a": 1}, "time": ""}',
    *(
        json.dumps({"macs": {"a": {"status": "current", "msg": ""} | wrong}, "time": ""})
        for wrong in ({"status": "x"}, {"status": []}, {"msg": 1}, {"x": 1}, {"address_pools": [[]]}, {"address": None})
    ),
]  # fmt: skip


@pytest.mark.parametrize("content", NO_RUN)
def test_what_is_no_such_document_is_said_and_the_rest_is_told(content: str) -> None:
    with pytest.raises(ValueError):
        read(content)
    said = "What the last run has left in conclusion.json cannot be read"
    assert said in html(run=content) and said not in html(run=document([], "")) and said not in html()


def test_every_status_of_a_run_can_be_told() -> None:
    name = next(iter(sample_fleet.told(1)["clients"]))
    for status in STATUSES:
        run = document([Standing(name, status, "A <b>reason</b>.", connected=True)], "2026-11-28T02:41:00Z")
        assert "<b>reason" not in html(sample_fleet.told(1), run=run)
