# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an MDM holds what was written: names are its own, all else counts."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._mdm.comparing import holds

WRITTEN: dict[str, Any] = {
    "PayloadType": "Configuration",
    "PayloadIdentifier": "a",
    "PayloadUUID": "A",
    "PayloadScope": "System",
    "PayloadContent": [
        {
            "PayloadType": "com.apple.vpn.managed",
            "PayloadUUID": "V",
            "IKEv2": {"PayloadCertificateUUID": "I", "RemoteAddress": "gateway", "EnablePFS": 1, "AuthName": ""},
        },
        {"PayloadType": "com.apple.security.pkcs12", "PayloadUUID": "I", "PayloadContent": b"12", "Password": "p"},
        {"PayloadType": "com.apple.security.root", "PayloadUUID": "R1", "PayloadContent": b"one"},
        {"PayloadType": "com.apple.security.root", "PayloadUUID": "R2", "PayloadContent": b"two"},
    ],
}


def stored() -> dict[str, Any]:
    """As Jamf Pro gives it back."""
    document = copy.deepcopy(WRITTEN) | {"PayloadIdentifier": "x", "PayloadUUID": "X", "PayloadEnabled": True}
    document["PayloadContent"].reverse()
    for payload in document["PayloadContent"]:
        payload["PayloadUUID"] += "'"
        payload["PayloadDisplayName"] = payload["PayloadType"]
    vpn = document["PayloadContent"][-1]["IKEv2"]
    vpn["PayloadCertificateUUID"] = "I'"
    del vpn["AuthName"]
    return document


def test_names_order_and_what_was_added_do_not_matter() -> None:
    assert holds(stored(), WRITTEN) and holds(WRITTEN, WRITTEN)


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(PayloadScope="User"),
        lambda document: document["PayloadContent"][-1]["IKEv2"].update(RemoteAddress="evil"),
        lambda document: document["PayloadContent"][-1]["IKEv2"].update(PayloadCertificateUUID="R1'"),
        lambda document: document["PayloadContent"][-1]["IKEv2"].pop("EnablePFS"),
        lambda document: document["PayloadContent"][0].update(PayloadContent=b"three"),
        lambda document: document["PayloadContent"].append({"PayloadType": "com.apple.security.root"}),
        lambda document: document["PayloadContent"].pop(0),
        lambda document: document["PayloadContent"][2].update(Password="q"),
        lambda document: document.update(PayloadContent="x"),
    ],
)
def test_all_else_does(change: Any) -> None:
    document = stored()
    change(document)
    assert not holds(document, WRITTEN)
