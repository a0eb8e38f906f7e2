# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: whom the way to Azure trusts, and what to do where a certificate is not trusted.

`requests`, and so the Azure SDK, takes a file of CA certificates, or a folder of them, from the environment. A file
that holds none ends in an error that names neither the file nor the variable; so it is looked at before.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from pathlib import Path

from .. import _files
from .._errors import UserVpnError, shown

VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # in the order in which requests takes them
BUNDLE_LIMIT = 16 << 20  # all public CAs are a quarter of a megabyte

_VERIFICATION = re.compile(r"certificate verify failed(?:: (.+?)\.? \(_ssl)?", re.IGNORECASE)
_OTHER = re.compile(r"\[(?:SSL|X509)\b[^\]]*\] (.+?)(?: \(_ssl|['\"]|$)|\b(EOF occurred in violation of protocol)")


def bundle(environment: Mapping[str, str]) -> tuple[str, str]:
    """The variable that counts and the path that it names; both empty when the public CAs of `certifi` are trusted."""
    return next(((name, environment[name]) for name in VARIABLES if environment.get(name)), ("", ""))


def check(environment: Mapping[str, str]) -> None:
    """UserVpnError, which names the variable, unless the CA certificates that the environment names can be used."""
    variable, name = bundle(environment)
    path = Path(name)
    if not variable or path.is_dir():
        return
    try:
        content = _files.read(path, BUNDLE_LIMIT)
    except UserVpnError as error:
        raise UserVpnError(f"{variable}: {error}") from None
    if not content.strip():
        raise UserVpnError(f"{variable}: {path} is empty; put CA certificates in PEM form there, or unset {variable}.")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except OSError:  # ssl.SSLError is one
        if content.startswith(b"\x30"):
            raise UserVpnError(
                f"{variable}: {path} is in DER form, and PEM is wanted: convert it with `openssl x509 -inform DER -in "
                "... -out ...`, and name the new file."
            ) from None
        raise UserVpnError(
            f"{variable}: {path} holds no CA certificate in PEM form that OpenSSL could read; put some there, or unset "
            f"{variable}."
        ) from None


def problem(text: str, environment: Mapping[str, str], where: str = "") -> str:
    """What OpenSSL has found, and what to do, from the text of an error; empty for an error that is none of TLS.

    `where` comes after the problem, such as " (login.example)".
    """
    found = _VERIFICATION.search(text)
    if found:
        reason = shown((found[1] or "no reason given").strip())
        return f"its TLS certificate is not trusted{where}: {reason}; {_advice(reason.lower(), environment)}"
    found = _OTHER.search(text)
    if not found:
        return ""
    reason = shown((found[1] or found[2]).strip())
    if "wrong version number" in reason.lower():
        return (
            f"what answers there speaks no TLS{where}: {reason}; a proxy is mostly reached by http, so write "
            "HTTPS_PROXY=http://..."
        )
    return f"TLS fails{where}: {reason}; look for a proxy or a firewall in between that changes connections"


def _advice(reason: str, environment: Mapping[str, str]) -> str:
    variable, path = bundle(environment)
    if "expired" in reason or "not yet valid" in reason:
        return "check the controller's clock; if it is right, ask those who keep the server or the proxy in between"
    if "mismatch" in reason or "not valid for" in reason:
        return "another server answers: check cloud_environment, AZURE_AUTHORITY_HOST, DNS and HTTPS_PROXY"
    if not re.search(r"self.signed|issuer|unable to verify|no reason given", reason):
        return "ask those who keep the proxy in between to mend its certificates"
    if not variable:
        return "behind a proxy with its own CA set REQUESTS_CA_BUNDLE to a file with that CA in PEM form"
    rehash = ", and run `openssl rehash` on it" if Path(path).is_dir() else ""
    return f"{variable} is {path}, which lacks the CA that has signed it: add that CA there, in PEM form{rehash}"
