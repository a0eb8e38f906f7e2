# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render one Mac's configuration profile; the work is done by module_utils/_mobileconfig."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from ..module_utils import _files
from ..module_utils._errors import UserVpnError
from ..module_utils._mobileconfig import identity, manifest, signing, stored, view
from ..module_utils._mobileconfig.profile import Draft, Request
from ..module_utils._pki import store as pki
from ..module_utils._pki.current import Current, Rendered, identity_of, public_of
from ..module_utils._pki.database import place_of
from ..module_utils._x509.text import thumbprint, utc_text
from ..plugin_utils._action import UserVpnAction

# Certificates, keys and PKCS#12 files have some kilobytes.
INPUT_LIMIT = 1_000_000

_TEXTS = {"type": "list", "elements": "str"}


class ActionModule(UserVpnAction):
    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "settings": {"type": "dict"},
        "identity": {
            "type": "dict",
            "options": {
                "pkcs12_path": {"type": "path"},
                "password": {"type": "str", "no_log": True},
                "certificate_path": {"type": "path"},
                "client": {"type": "str"},
                "sha1": {"type": "str"},
            },
            "required_one_of": [("pkcs12_path", "certificate_path", "client")],
            "mutually_exclusive": [("pkcs12_path", "certificate_path", "client"), ("password", "certificate_path")],
            "required_by": {"pkcs12_path": "password", "sha1": "client"},
        },
        "pki": {"type": "str"},
        "passphrase": {"type": "str", "no_log": True},
        "dest": {"type": "path"},
        "identifier": {"type": "str"},
        "connection_name": {"type": "str"},
        "display_name": {"type": "str"},
        "organization": {"type": "str"},
        "description": {"type": "str"},
        "scope": {"type": "str", "choices": ["System", "User"], "default": "System"},
        "removal_disallowed": {"type": "bool", "default": False},
        "server_address": {"type": "str"},
        "remote_identifier": {"type": "str"},
        "local_identifier": {"type": "str"},
        "authentication": {"type": "str", "choices": ["certificate", "eap_tls"], "default": "certificate"},
        "server_certificate_common_name": {"type": "str"},
        "server_certificate_issuer_common_name": {"type": "str"},
        "algorithms": {"type": "raw"},
        "ipsec_policy": {"type": "raw"},
        "dead_peer_detection": {"type": "str", "choices": ["none", "low", "medium", "high"], "default": "medium"},
        "routing": {"type": "str", "choices": ["split", "full"], "default": "split"},
        "enforce_routes": {"type": "bool", "default": False},
        "exclude_local_networks": {"type": "bool", "default": False},
        "on_demand": {
            "type": "dict",
            "options": {
                "connect": {"type": "str", "choices": ["never", "always", "domains"], "default": "never"},
                "enabled": {"type": "bool", "default": True},
                "domains": _TEXTS,
                "excluded_domains": _TEXTS,
                "required_dns_servers": _TEXTS,
                "required_url_probe": {"type": "str"},
                "interfaces": {"type": "list", "elements": "str", "choices": ["ethernet", "wifi"]},
                "ssids": _TEXTS,
                "url_probe": {"type": "str"},
                "trusted_ssids": _TEXTS,
                "trusted_domains": _TEXTS,
                "trusted_dns_servers": _TEXTS,
                "otherwise": {"type": "str", "choices": ["disconnect", "ignore"], "default": "disconnect"},
                "rules": {"type": "list", "elements": "dict"},
            },
        },
        "dns": {
            "type": "dict",
            "options": {
                "servers": _TEXTS,
                "search_domains": _TEXTS,
                "match_domains": _TEXTS,
                "match_domains_only": {"type": "bool", "default": False},
                "domain_name": {"type": "str"},
            },
        },
        "ikev2": {"type": "dict"},
        "client_chain": {"type": "list", "elements": "path"},
        "macos": {"type": "str"},
        "sign_with": {
            "type": "dict",
            "options": {
                "certificate": {"type": "path", "required": True},
                "key": {"type": "path", "required": True, "no_log": False},
                "passphrase": {"type": "str", "no_log": True},
                "chain": {"type": "path"},
            },
        },
        "manifest": {"type": "path"},
        "certificates": {"type": "list", "elements": "str"},
        "host": {"type": "str"},
        "serial_number": {"type": "str"},
    }
    CONSTRAINTS: ClassVar[dict[str, Any]] = {
        "mutually_exclusive": [("algorithms", "ipsec_policy")],
        "required_if": [
            ("state", "present", ("settings", "identity", "dest", "identifier", "connection_name")),
            ("state", "absent", ("manifest", "certificates")),
        ],
    }

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        if arguments["state"] == "absent":
            return self._take_out(self.local_path(arguments["manifest"]), arguments["certificates"])
        place = place_of(arguments["pki"], self.local_path) if arguments["pki"] else None
        if arguments["identity"]["client"] and place is None:
            raise UserVpnError("identity.client is a client of a store; set pki to it.")
        dest = self.local_path(arguments["dest"])
        listed_in = self.local_path(arguments["manifest"]) if arguments["manifest"] else None
        file = manifest.file_name(listed_in, dest) if listed_in else ""
        if arguments["identity"]["certificate_path"] is not None:
            _refuse_what_needs_the_key(arguments)
        if self.check_mode and not arguments["settings"]:
            # A real run would have downloaded the package in an earlier task.
            return _unknown(dest, arguments)
        host = arguments["host"] or self.host
        memory = Rendered.read(place, host, arguments["identifier"]) if place else None
        current = self._current(memory, arguments["identity"]) if memory else None
        draft = Draft(self._request(arguments, current))
        signer = self._signer(arguments["sign_with"])
        before = stored.read(dest)
        answer = _unknown(dest, arguments) | {"identifier": draft.identifier, "display_name": draft.request.title}
        if arguments["identity"]["client"] is None:
            previous = before.pkcs12(draft.identifier) if before else None
            client = self._given(arguments["identity"], previous)
        elif current is None or memory is None:
            client = None
        else:
            client = self._kept(draft, current, memory, before) or self._opened(current, memory, arguments)
        if client is None:
            # A real run would have issued the certificate in an earlier task; what it will be, nobody can know.
            for warning in draft.warnings:
                self.warn(warning)
            return answer

        profile = draft.profile(client)
        for warning in (*profile.warnings, *(signer.warnings if signer else ())):
            self.warn(warning)
        content = signing.bytes_to_write(profile.content, signer, before)
        closed = self._folders(dest, listed_in or dest)
        answer |= {
            "changed": self._write(dest, content) or closed,
            "profile_uuid": profile.uuid,
            "sha256": hashlib.sha256(content).hexdigest(),
            "certificate_sha1": client.certificate.sha1,
            "certificate_not_after": utc_text(client.certificate.not_after),
        }
        diff = _difference(dest, view.lines(before), view.lines(stored.Stored.of(content))) if self.diff_mode else []
        if listed_in:
            listed, manifest_diff = self._list(listed_in, arguments, answer | {"file": file})
            answer["changed"] |= listed
            diff += manifest_diff
        if memory:
            # What is written here are copies: a job's container may have none of them.
            roots = tuple(sorted(root.sha1 for root in draft.roots))
            known = pki.Profile(host, draft.identifier, "", profile.uuid, "", client.certificate.sha1, roots)
            news = memory.remember(known, profile.content, datetime.now(UTC), self.who, check=self.check_mode)
            answer["changed"] = news or closed
            diff = diff if news else []
        return answer | {"diff": diff} if self.diff_mode else answer

    # -- the identity

    def _kept(
        self, draft: Draft, current: Current, memory: Rendered, before: stored.Stored | None
    ) -> identity.Identity | None:
        """The identity in the file that lies here, if that is what was rendered last: then no store is opened."""
        payload = before.identity(draft.identifier) if before else None
        if payload is None:
            return None
        packed, password = payload["PayloadContent"], str(payload.get("Password", ""))
        client = identity.of_store(current.pem, packed, password, current.certificate.name)
        return client if memory.is_last(draft.profile(client).content, client.certificate.sha1) else None

    def _opened(self, current: Current, memory: Rendered, arguments: dict[str, Any]) -> identity.Identity:
        """The identity in the store, or the certificate alone if its key is on the Mac."""
        name = current.certificate.name
        if not current.certificate.has_key:
            _refuse_what_needs_the_key(arguments)
            return identity.load_certificate(current.pem, name)
        opened = identity_of(memory.place, name, arguments["passphrase"])
        if opened is None or opened.identity is None or opened.pem != current.pem:
            raise UserVpnError(f"{name} has got another certificate in this moment; run again.")
        return identity.of_store(opened.pem, opened.identity.pkcs12, opened.identity.password, name)

    def _given(self, wish: dict[str, Any], previous: bytes | None) -> identity.Identity | None:
        """The identity in a file."""
        path = self.local_path(wish["certificate_path"] if wish["pkcs12_path"] is None else wish["pkcs12_path"])
        if self.check_mode and not path.is_file():
            return None
        data = _files.read(path, INPUT_LIMIT)
        if wish["pkcs12_path"] is None:
            return identity.load_certificate(data, str(path))
        return identity.load(data, wish["password"], str(path), previous=previous)

    def _current(self, memory: Rendered, wish: dict[str, Any]) -> Current | None:
        """What the client has now; None where check mode foresees another certificate."""
        if not wish["client"]:
            return None
        current = public_of(memory.place, wish["client"])
        if current and wish["sha1"] in (None, current.certificate.sha1):
            return current
        if self.check_mode:
            return None
        has = f"another certificate than {wish['sha1']}" if current else "no certificate"
        raise UserVpnError(
            f"{memory.place} has {has} for the client {wish['client']}; issue one with client_certificates first."
        )

    def _request(self, arguments: dict[str, Any], current: Current | None) -> Request:
        names = {field.name for field in fields(Request)} - {"client_chain"}
        chain = tuple(self._bytes(path) for path in arguments["client_chain"] or ())
        chain += (current.chain,) if current and current.chain else ()
        return Request(**{name: arguments[name] for name in names}, client_chain=chain)

    def _signer(self, wish: dict[str, Any] | None) -> signing.Signer | None:
        if wish is None:
            return None
        chain = self._bytes(wish["chain"]) if wish["chain"] else b""
        return signing.load_signer(
            self._bytes(wish["certificate"]), self._bytes(wish["key"]), wish["passphrase"], chain
        )

    def _bytes(self, path: str) -> bytes:
        return _files.read(self.local_path(path), INPUT_LIMIT)

    def _write(self, dest: Path, content: bytes) -> bool:
        if self.check_mode:
            return _files.would_write(dest, content)
        return _files.write_atomic(dest, content)

    def _folders(self, *files: Path) -> bool:
        """Make the folders of these files. Returns whether one had to be closed to other accounts.

        One that holds profiles only is closed; any other is the user's, and so is whom to let into it, as long as not
        everybody may put another profile in the place of ours.
        """
        closed = False
        for file in files:
            folder = file.parent
            if not self.check_mode:
                _files.make_folder(folder)
            if _files.too_open(folder, below=False) and manifest.is_ours(folder):
                if not self.check_mode:
                    _files.tighten(folder)
                self.warn(
                    f"Other accounts had access to {folder}, where profiles with private keys lie; "
                    f"{'a real run takes that away' if self.check_mode else 'that was taken away'}."
                )
                closed = True
            else:
                _files.check_folder_for(file)
        return closed

    def _take_out(self, path: Path, certificates: list[str]) -> dict[str, Any]:
        """Delete the profiles with these certificates."""
        wanted = {thumbprint(text, "certificates") for text in certificates}
        hosts = manifest.take_out(path, wanted, check=self.check_mode)
        answer = {"changed": bool(hosts), "removed": hosts}
        return answer | {"diff": _difference(path, hosts, [])} if self.diff_mode else answer

    def _list(self, path: Path, arguments: dict[str, Any], answer: dict[str, Any]) -> tuple[bool, list[dict[str, str]]]:
        """Keep this host's entry of the manifest; whether it changed, and how."""
        host = arguments["host"] or self.host
        copied = ("identifier", "profile_uuid", "certificate_sha1", "certificate_not_after", "sha256", "file")
        entry = {name: answer[name] for name in copied} | {"serial_number": arguments["serial_number"]}
        diff = _difference(path, *manifest.before_and_after(path, host, entry)) if self.diff_mode else []
        return manifest.update_entry(path, host, entry, check=self.check_mode), diff


def _unknown(dest: Path, arguments: dict[str, Any]) -> dict[str, Any]:
    """The answer for a profile that cannot be rendered yet."""
    return {
        "changed": True,
        "dest": str(dest),
        "identifier": arguments["identifier"],
        "display_name": arguments["display_name"] or arguments["connection_name"],
        "scope": arguments["scope"],
        **dict.fromkeys(("profile_uuid", "sha256", "certificate_sha1", "certificate_not_after"), ""),
    }


def _refuse_what_needs_the_key(arguments: dict[str, Any]) -> None:
    if arguments["sign_with"]:
        raise UserVpnError(
            "A profile whose private key is made on the Mac is completed there, which breaks any signature; "
            "leave sign_with out."
        )
    if arguments["scope"] != "System":
        raise UserVpnError(
            "A profile whose private key is made on the Mac must have the scope System: a login keychain cannot be "
            "asked what it holds while nobody is logged in."
        )


def _difference(path: Path, before: list[str], after: list[str]) -> list[dict[str, str]]:
    """One difference in the form of Ansible's callbacks, or none."""
    if before == after:
        return []
    texts = {"before": "".join(f"{line}\n" for line in before), "after": "".join(f"{line}\n" for line in after)}
    return [{"before_header": str(path), "after_header": str(path), **texts}]
