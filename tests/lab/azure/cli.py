# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Azure CLI, as far as a login by it needs one: `az account get-access-token`.

Source: Microsoft Learn, reference of `az account get-access-token` (options, members of its answer).
"""

from __future__ import annotations

import datetime
import json
from pathlib import Path

from .authority import Authority

_SCRIPT = """#!/bin/sh
# Takes the documented options only.
[ -z "$LAB_AZ_SAYS" ] || { printf '%s\n' "$LAB_AZ_SAYS" >&2; exit 1; }
[ -z "$LAB_AZ_SLEEPS" ] || exec sleep "$LAB_AZ_SLEEPS"
usage() { echo "ERROR: unrecognized arguments: $*" >&2; exit 2; }
[ "$1 $2" = "account get-access-token" ] || usage "$@"
shift 2
while [ $# -gt 0 ]; do
  case "$1" in
    --output|-o) [ "$2" = json ] || usage "$@" ;;
    --resource) resource=$2 ;;
    --scope) resource=${2%%/.default} ;;
    --tenant|-t) [ "$2" = "@TENANT@" ] || { echo "ERROR: AADSTS90002: Tenant '$2' not found." >&2; exit 1; } ;;
    --subscription|-s|--name|-n) [ "$2" = "@SUBSCRIPTION@" ] ||
      { echo "ERROR: The subscription of '$2' doesn't exist in cloud 'AzureCloud'." >&2; exit 1; } ;;
    *) usage "$@" ;;
  esac
  shift 2
done
[ "${resource%%/}" = "@AUDIENCE@" ] ||
  { echo "ERROR: AADSTS500011: The resource principal named $resource was not found." >&2; exit 1; }
cat "@ANSWER@"
"""


def install(folder: Path, authority: Authority, subscription_id: str) -> Path:
    """Write `az` and the answer it gives. The token inside is one of the authority's, so it is a secret."""
    folder.mkdir(parents=True, exist_ok=True)
    expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=authority.token_lifetime)
    answer = folder / "az-token.json"
    answer.touch(mode=0o600)
    content = {
        "accessToken": authority.issue(),
        "expiresOn": expires.astimezone().strftime("%Y-%m-%d %H:%M:%S.000000"),
        "expires_on": int(expires.timestamp()),
        "subscription": subscription_id,
        "tenant": authority.tenant,
        "tokenType": "Bearer",
    }
    answer.write_text(json.dumps(content, indent=2), encoding="utf-8")
    values = {
        "@TENANT@": authority.tenant,
        "@SUBSCRIPTION@": subscription_id,
        "@AUDIENCE@": authority.audience.rstrip("/"),
        "@ANSWER@": str(answer),
    }
    script = _SCRIPT.replace("%%", "%")
    for name, value in values.items():
        script = script.replace(name, value)
    path = folder / "az"
    path.write_text(script, encoding="utf-8")
    path.chmod(0o755)
    return path
