# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one rendering costs on the controller, in milliseconds of CPU: it happens once per Mac and run.

python tests/bench/bench_mobileconfig.py [number of renderings]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig import identity, signing, stored
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.profile import Draft, Request
from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import PASSWORD, Pki, key_pem, pem, root_entry


def cost(work: Callable[[], Any], times: int) -> float:
    """Milliseconds of CPU per call."""
    work()
    start = time.process_time()
    for _unused in range(times):
        work()
    return (time.process_time() - start) * 1000 / times


def main(times: int) -> None:
    pki = Pki()
    certificate = pki.client()
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(2048)
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(SHA1())
        .build(PASSWORD.encode())
    )
    data = pkcs12.serialize_key_and_certificates(b"bench", pki.leaf_key, certificate, None, encryption)
    settings = {
        "vpn_server": "wan.0123456789abcdef.vpn.azure.com",
        "gateway_roots": [root_entry(root) for root in (pki.gateway_root, pki.second_gateway_root)],
    }
    request = Request(
        settings=settings,
        identifier="com.example.uservpn",
        connection_name="Example VPN",
        on_demand={"connect": "always", "trusted_ssids": ["Office"]},
    )
    client = identity.load(data, PASSWORD, "bench.p12")
    content = Draft(request).profile(client).content
    signer = signing.load_signer(pem(certificate), key_pem(pki.leaf_key), None)
    signed = stored.Stored.of(signing.bytes_to_write(content, signer, None))
    for name, work in {
        "open the identity": lambda: identity.load(data, PASSWORD, "bench.p12"),
        "make, check and write the profile": lambda: Draft(request).profile(client),
        "sign it": lambda: signing.sign(content, signer),
        "find that a signed one is unchanged": lambda: signing.bytes_to_write(content, signer, signed),
    }.items():
        print(f"{cost(work, times):8.2f} ms  {name}")
    print(f"{len(content):8d} bytes in the file")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
