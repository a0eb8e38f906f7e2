# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the user groups of a User VPN configuration, and which of them a client belongs to.

By "About user groups and IP address pools for P2S User VPNs": the group with the lowest priority number counts of those
with a member that fits; who fits none belongs to the default group. A member of the kind AzureCertificateID (in the API
CertificateGroupId) fits by the domain in the certificate's common name, user@domain or DOMAIN\\user. Whether that is
compared whole (the API's example has `red.com`) or without what follows the first dot (the article has `red` for
CN=user@red.com), no document says. So both are looked for, and it is said where it matters.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._x509.kinds import split

Json = dict[str, Any]
Told = Mapping[str, Any]

CERTIFICATE = "CertificateGroupId"
_NAMED = 3


def summary(resource: Any) -> list[Json]:
    """The user groups of a configuration as it was read, those that Azure looks at first before the others."""
    found = [_group(item) for item in _dictionaries(_properties(resource).get("configurationPolicyGroups"))]
    return sorted(found, key=lambda group: (group["priority"], group["name"].lower()))


def _group(item: Json) -> Json:
    told = _properties(item)
    priority = told.get("priority")
    return {
        "name": _name(item),
        "default": told.get("isDefault") is True,
        "priority": priority if isinstance(priority, int) else 0,
        "members": [
            {
                "name": str(member.get("name") or ""),
                "type": str(member.get("attributeType") or ""),
                "value": str(member.get("attributeValue") or ""),
            }
            for member in _dictionaries(told.get("policyMembers"))
        ],
    }


def pools(gateway: Any) -> list[Json]:
    """The address pools of a gateway, and whose they are: its connection configurations, in their order."""
    return [
        {
            "name": _name(item),
            "address_pools": _prefixes(item),
            "user_groups": [
                _name(group) for group in _dictionaries(_properties(item).get("configurationPolicyGroupAssociations"))
            ],
        }
        for item in _dictionaries(_properties(gateway).get("p2SConnectionConfigurations"))
    ]


def _prefixes(item: Json) -> list[str]:
    pool = _properties(item).get("vpnClientAddressPool")
    prefixes = pool.get("addressPrefixes") if isinstance(pool, dict) else None
    return [str(prefix) for prefix in prefixes] if isinstance(prefixes, list) else []


def _properties(resource: Any) -> Json:
    found = resource.get("properties") if isinstance(resource, dict) else None
    return found if isinstance(found, dict) else {}


def _dictionaries(found: Any) -> list[Json]:
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _name(item: Json) -> str:
    """An association has nothing but an id."""
    return str(item.get("name") or str(item.get("id") or "").rpartition("/")[2])


# -- who belongs to which


@dataclass(frozen=True)
class Membership:
    """Where a certificate with this common name belongs.

    group    empty where there is none, not even a default one
    default  no member of any group fits, so it is the default one
    certain  it is so however Azure compares the domain
    pools    of which its addresses come, of all gateways that are known
    """

    group: str
    default: bool
    certain: bool
    pools: tuple[str, ...]

    def told(self) -> Json:
        named = {"user_group": self.group, "default": self.default, "certain": self.certain}
        return named | {"address_pools": list(self.pools)}


def membership(common_name: str, configuration: Told) -> Membership:
    """By what `configurations.summary` tells of a configuration and its gateways."""
    groups: Sequence[Json] = configuration["user_groups"]
    domain = split(common_name)[1].lower()
    fitting = [_fitting(groups, form) for form in (domain, domain.partition(".")[0])]
    known = [group for group in fitting if group]
    others = next((each for each in groups if each["default"]), None)
    whole, first = (group or others for group in fitting)
    group = known[0] if known else others
    name = group["name"] if group else ""
    return Membership(name, not known, whole == first, _pools_of(name, configuration.get("gateways") or ()))


def _fitting(groups: Iterable[Json], domain: str) -> Json | None:
    """The first group with a member that is this domain."""
    return next((group for group in groups if domain and domain in _domains(group)), None)


def _domains(group: Told) -> list[str]:
    return [m["value"].lower() for m in group["members"] if m["type"].lower() == CERTIFICATE.lower()]


def _pools_of(group: str, gateways: Iterable[Told]) -> tuple[str, ...]:
    """A gateway whose connection configurations name no group has the same pools for all."""
    found: list[str] = []
    for gateway in gateways:
        each = gateway["connection_configurations"]
        shared = not any(item["user_groups"] for item in each)
        mine = (item for item in each if shared or group.lower() in map(str.lower, item["user_groups"]))
        found += (pool for item in mine for pool in item["address_pools"])
    return tuple(dict.fromkeys(found))


def memberships(common_names: Iterable[str], configuration: Told) -> dict[str, Membership]:
    """By common name; none where the configuration has no user groups."""
    if not configuration["user_groups"]:
        return {}
    return {name: membership(name, configuration) for name in common_names}


def doubts(found: Mapping[str, Membership], configuration: Told) -> list[str]:
    """What somebody has to look at, a sentence each."""
    said = []
    outside = [name for name, each in found.items() if each.default]
    if outside:
        group = found[outside[0]]
        domains = sorted({domain for each in configuration["user_groups"] for domain in _domains(each)})
        said.append(
            f"No user group of the User VPN configuration {configuration['name']} but the default one has a member "
            f"for {_some(outside)}: {'they get' if len(outside) > 1 else 'it gets'} the addresses of "
            f"{_place(group.group or 'no group', group.pools)}. Azure goes by the domain in the common name, and the "
            f"groups have {', '.join(domains) or 'no member for certificates'}; give such a certificate the "
            "common_name user@domain (user_vpn_certificate_domain in the playbooks)."
        )
    doubtful: dict[tuple[str, str], list[str]] = {}
    for name, each in found.items():
        if not each.certain:
            doubtful.setdefault((each.group, split(name)[1]), []).append(name)
    for (group_name, domain), names in sorted(doubtful.items()):
        said.append(
            f"Whether Azure gives {_some(names)} the addresses of the user group {group_name} is not certain: no "
            f"document says whether it compares {domain} or {domain.partition('.')[0]}. Give the group {group_name} a "
            "member for each of the two."
        )
    return said


def _some(names: Collection[str]) -> str:
    named = ", ".join(sorted(names)[:_NAMED])
    return f"{named} and {len(names) - _NAMED} more" if len(names) > _NAMED else named


def _place(group: str, pools: Sequence[str]) -> str:
    return f"{group} ({', '.join(pools)})" if pools else group
