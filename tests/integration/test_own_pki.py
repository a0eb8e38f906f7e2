# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An enterprise that lends us no key: its root is trusted, its identities come as files. openssl plays its part."""

from __future__ import annotations

import plistlib
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.second_tools import openssl, read_identity
from ansible_collections.vwan.user_vpn.tests.integration.site import Site

THEIRS = "password of their PKCS#12"
CA = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
LEAF = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n"


class Enterprise:
    """A root, an issuing CA below it, and whom they issue to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.root = self.make("root", CA, days=3650)
        self.issuing = self.make("issuing", CA, issuer="root", days=3650)

    def make(
        self, name: str, extensions: str, issuer: str = "", *, days: int = 365, bits: int = 2048, file: str = ""
    ) -> Path:
        place = self.folder / (file or name)
        key, request, config, certificate = (place.with_suffix(s) for s in (".key", ".csr", ".cnf", ".pem"))
        config.write_text(extensions)
        openssl("genrsa", "-out", str(key), str(bits))
        openssl("req", "-new", "-key", str(key), "-subj", f"/CN={name}", "-out", str(request))
        signer = ("-signkey", str(key))
        if issuer:
            above = self.folder / issuer
            signer = ("-CA", f"{above}.pem", "-CAkey", f"{above}.key", "-CAcreateserial")
        openssl(
            "x509", "-req", "-in", str(request), *signer, "-days", str(days), "-sha256", "-extfile", str(config),
            "-out", str(certificate),
        )  # fmt: skip
        return certificate

    def client(self, name: str, extensions: str = LEAF, **how: Any) -> Path:
        return self.make(name, f"{extensions}subjectAltName=DNS:{name}\n", "issuing", **how)

    def pkcs12(self, certificate: Path) -> dict[str, Any]:
        """The identity as one file, in OpenSSL 3's own form, and what a client says of it."""
        file = certificate.with_suffix(".p12")
        openssl(
            "pkcs12", "-export", "-in", str(certificate), "-inkey", str(certificate.with_suffix(".key")),
            "-passout", "env:SECRET", "-out", str(file), secret=THEIRS,
        )  # fmt: skip
        return {"name": certificate.stem.partition("_")[0], "pkcs12_source": str(file), "source_password": THEIRS}


@pytest.mark.soak
def test_identities_of_somebody_elses_ca_reach_the_macs(site: Site, tmp_path: Path) -> None:
    ours = Enterprise(tmp_path / "enterprise")
    for name in ("mac-anna", "mac-ben", "mac-weak", "mac-server"):
        site.lab.add_mac(name)
    ben = ours.client("mac-ben")
    clients: list[dict[str, Any]] = [
        ours.pkcs12(ours.client("mac-anna")),
        {"name": "mac-ben", "certificate_source": str(ben), "key_source": str(ben.with_suffix(".key"))},
        ours.pkcs12(ours.client("mac-weak", bits=1024)),
        ours.pkcs12(ours.client("mac-server", LEAF.replace("clientAuth", "serverAuth"))),
    ]
    site.variables |= {
        "certificates_root_certificate_source": str(ours.root),
        "certificates_root_chain_source": str(ours.issuing),
        "certificates_client_names": clients,
    }

    predicted = site.play("--check")
    assert predicted.of("client_certificates")["failures"] == ["mac-server", "mac-weak"]
    assert predicted.count("failed") == {"mac-anna": 0, "mac-ben": 0, "mac-server": 1, "mac-weak": 1}
    assert not site.pki.exists()
    first = site.play()
    issued = first.of("client_certificates")
    assert issued["failures"] == ["mac-server", "mac-weak"]
    assert "1024 bits" in issued["clients"]["mac-weak"]["msg"]
    assert "clientAuth" in issued["clients"]["mac-server"]["msg"]
    assert first.count("failed") == {"mac-anna": 0, "mac-ben": 0, "mac-server": 1, "mac-weak": 1}
    assert "No such" not in first.output
    for name in ("mac-anna", "mac-ben"):
        assert first.of("mac_profile", name)["status"] == "installed"
        document = plistlib.loads((site.profiles / f"{name}.mobileconfig").read_bytes())
        payloads = {payload["PayloadType"]: payload for payload in document["PayloadContent"]}
        chain = tmp_path / f"{name}-chain.pem"
        chain.write_bytes(
            openssl("x509", "-inform", "DER", stdin=payloads["com.apple.security.pkcs1"]["PayloadContent"])
        )
        assert chain.read_bytes() == openssl("x509", "-in", str(ours.issuing))
        chain.write_bytes(chain.read_bytes() + ours.root.read_bytes())
        identity = payloads["com.apple.security.pkcs12"]
        seen = read_identity(identity["PayloadContent"], identity["Password"], chain)
        assert seen.chains_to_root
        assert seen.legacy_encryption
    assert site.sql("SELECT sealed IS NULL FROM certificates WHERE kind = 'root'") == [(1,)]

    del site.lab.macs["mac-weak"], site.lab.macs["mac-server"]
    site.variables["certificates_client_names"] = clients[:2]
    again = site.play()
    assert (again.returncode, again.changed()) == (0, set()), again.output

    # Its successor arrives as another file: the new one is taken in, and brought to the Mac.
    old = issued["clients"]["mac-anna"]["sha1"]
    successor = ours.pkcs12(ours.client("mac-anna", file="mac-anna_2"))
    site.variables["certificates_client_names"] = [successor, clients[1]]
    renewed = site.play()
    assert renewed.returncode == 0, renewed.output
    assert renewed.of("client_certificates")["clients"]["mac-anna"]["reason"] == "options_changed"
    assert renewed.of("mac_profile", "mac-anna")["status"] == "installed"
    query = "SELECT sha1 = ?, state, origin FROM certificates WHERE name = 'mac-anna' ORDER BY id"
    assert site.sql(query, old) == [(1, "superseded", "supplied"), (0, "issued", "supplied")]
    assert [entry["sha1"] for entry in site.play().of("client_certificates")["revocable"]] == [old]
