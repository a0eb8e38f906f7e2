# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the blob into which Azure writes the sessions of a gateway.

Azure wants the SAS URL of a blob that is there (Microsoft Learn, "Monitor Virtual WAN P2S connections"). Whoever has
the URL may read and write the blob: it is a secret, and no error names more than its host.

Either somebody gives the URL, or a blob is made in a storage account for as long as it takes, and a user delegation
SAS for it (Microsoft Learn, "Create a user delegation SAS"): that needs no account key, but the role Storage Blob Data
Contributor on the container.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .._errors import UserVpnError
from . import clouds, errors, sdk
from .errors import AzureError

INSTALL = "pip install azure-storage-blob"
FILE_LIMIT = 32 << 20  # bytes, of which a session has some 500
PIECE = 1 << 20  # bytes of it that are asked for at once; the first answer tells how many there are
LIFETIME = timedelta(hours=1)  # of a SAS that we make
EARLIER = timedelta(minutes=15)  # than now it begins: clocks differ
PERMISSIONS = "racw"  # read, add, create, write


class Blob:
    """One blob. `url` is its SAS URL, `client` azure-storage-blob's BlobClient for it."""

    def __init__(self, url: str, client: Any) -> None:
        self.url = url
        self._client = client

    def clear(self) -> None:
        """Make it an empty one: what is read afterwards is what Azure has written since."""
        with _translated("empty"):
            self._client.upload_blob(b"", overwrite=True)

    def read(self) -> bytes:
        """What Azure has written. AzureError when that is more than any gateway has to tell.

        ValueError when it is written anew meanwhile, by which no piece fits the one before.
        """
        try:
            with _translated("read"):
                stream = self._client.download_blob(max_concurrency=1)
                if stream.size > FILE_LIMIT:
                    raise too_many()
                return bytes(stream.readall())
        except AzureError as error:
            if error.code != "ConditionNotMet":
                raise
            raise ValueError("it changes while it is read") from None

    def delete(self) -> None:
        """Take it away, if it is there."""
        try:
            with _translated("delete"):
                self._client.delete_blob()
        except AzureError as error:
            if error.code != "BlobNotFound":
                raise


def too_many() -> AzureError:
    return AzureError(
        "Azure has written more connections than are read at once (some 20,000): ask for one gateway, or by name.",
        "BrokenAnswer",
    )


def given(url: str, transport: Any) -> Blob:
    """The blob of a SAS URL that somebody has made. UserVpnError, which holds nothing of it, when it cannot be one."""
    parts = _https(url)
    signed = parse_qs(parts.query)
    if "sig" not in signed:
        raise UserVpnError(
            "output_blob_sas_url has no signature (sig=...): give the blob's SAS URL, not its plain URL."
        )
    if signed.get("sr", ["b"]) != ["b"]:
        raise UserVpnError(
            "output_blob_sas_url is for a container or something else than one blob (sr): Azure wants the SAS URL of "
            "a blob that is there, an empty file for example."
        )
    missing = sorted(set(PERMISSIONS) - set("".join(signed.get("sp", [PERMISSIONS]))))
    if missing:
        names = {"r": "read", "a": "add", "c": "create", "w": "write"}
        raise UserVpnError(
            f"output_blob_sas_url does not allow to {', '.join(names[each] for each in missing)} (sp): Azure wants "
            "read, add, create and write."
        )
    return Blob(url, _storage().BlobClient.from_blob_url(url, **_options(transport)))


@contextmanager
def made(account: str, container: str, credential: Any, cloud: clouds.Cloud, transport: Any) -> Iterator[Blob]:
    """A new blob in a container, which goes again, whatever happens meanwhile.

    account  the storage account's name, or the https URL of its blob service
    """
    storage = _storage()
    service = storage.BlobServiceClient(_account_url(account, cloud), credential=credential, **_options(transport))
    name = f"vwan.user_vpn-{uuid.uuid4()}.json"
    client = service.get_blob_client(container, name)
    now = datetime.now(UTC)
    times = {"start": now - EARLIER, "expiry": now + LIFETIME}
    blob = Blob("", client)
    with _translated("sign a URL of"):
        key = service.get_user_delegation_key(key_start_time=times["start"], key_expiry_time=times["expiry"])
    sas = storage.generate_blob_sas(
        service.account_name,
        container,
        name,
        user_delegation_key=key,
        permission=storage.BlobSasPermissions.from_string(PERMISSIONS),
        protocol="https",
        **times,
    )
    blob.url = f"{client.url}?{sas}"
    try:
        yield blob
    except BaseException:
        with suppress(AzureError):  # the first error is the one that says what is wrong
            blob.delete()
        raise
    blob.delete()


def _storage() -> Any:
    try:
        return sdk.load("azure.storage.blob")
    except UserVpnError:
        raise UserVpnError(
            f"The Python package azure-storage-blob is missing on the controller, which the names of connections need: "
            f"{INSTALL}"
        ) from None


def _options(transport: Any) -> dict[str, Any]:
    """Few tries, in our transport, which limits and shows every wait; and no line of the SDK's log."""
    return {
        "transport": transport,
        "retry_total": 3,
        "logging_enable": False,
        "max_single_get_size": PIECE,
        "max_chunk_get_size": PIECE,
        "user_agent": "ansible-vwan.user_vpn",
    }


def _account_url(account: str, cloud: clouds.Cloud) -> str:
    if "://" in account:
        return str(_https(account, "storage_account must be a name or the https URL of its blob service").geturl())
    if not re.fullmatch("[a-z0-9]{3,24}", account):
        raise UserVpnError(
            f"storage_account is {account[:100]!r}; a storage account's name has 3 to 24 small letters and digits."
        )
    if not cloud.storage_suffix:
        raise UserVpnError(
            "storage_account has to be the https URL of its blob service, because cloud_environment is a URL, which "
            "does not say where storage is."
        )
    return f"https://{account}.blob.{cloud.storage_suffix}"


def _https(url: str, problem: str = "output_blob_sas_url must be the https URL of a blob, with its SAS") -> Any:
    try:
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.hostname and not any(ord(sign) <= 32 for sign in url):
            return parts
    except ValueError:
        pass
    raise UserVpnError(f"{problem}.")


# Code of Blob Storage -> what to do ("Blob service error codes" of Microsoft Learn).
_ADVICE = {
    "AuthorizationPermissionMismatch": (
        "give the identity the role Storage Blob Data Contributor on the container (Owner and Contributor are not "
        "enough); it needs some minutes"
    ),
    "AuthorizationFailure": (
        "the storage account's firewall or network rules keep the controller out; or, as Microsoft's emulator says it, "
        "the SAS has ended or does not fit"
    ),
    "AuthenticationFailed": (
        "the SAS has ended or does not fit, or the controller's clock is wrong; make a new one, or set storage_account"
    ),
    "ContainerNotFound": "make the container first, or check container",
    "BlobNotFound": "the blob has gone meanwhile; run again",
    "KeyBasedAuthenticationNotPermitted": "the account takes no SAS of an account key; set storage_account instead",
    "PublicAccessNotPermitted": "sign the URL: it has to be a SAS URL",
}


def _translated(verb: str) -> AbstractContextManager[None]:
    return errors.translated(f"{verb} the blob for the connections", _ADVICE)
