# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what the Mac proposes to the gateway, in Azure's words and in Apple's.

A Mac whose profile names its algorithms proposes exactly that one set, and a gateway with a custom policy accepts
exactly that one set, so both sides must say the same. Azure's names: vpnClientIpsecPolicies of the REST API. Apple's:
IKESecurityAssociationParameters and ChildSecurityAssociationParameters of com.apple.vpn.managed. Which value means
which IKEv2 transform: RFC 7296, 3526, 4106, 4868, 5114 and 5903, and Microsoft's FAQ on IPsec/IKE policies
(DHGroup2048 = PFS2048 = group 14, DHGroup24 = PFS24 = group 24).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from .._errors import shown
from .errors import ProfileError

_Value = TypeVar("_Value", str, int)

DEFAULT_PAIR = "modp2048"
BY_HAND = "by_hand"

# Azure's lifetimes (Microsoft's FAQ on IPsec/IKE policies). Lifetimes are not negotiated in IKEv2: each side rekeys by
# its own clock. The Mac is to be first, since a rekey that it starts is the one that is known to work.
GATEWAY_IKE_SECONDS = 28_800
GATEWAY_CHILD_SECONDS = 27_000
SHORTEST_MINUTES, LONGEST_MINUTES = 10, 1440

ENCRYPTION = {"AES128": "AES-128", "AES256": "AES-256", "GCMAES128": "AES-128-GCM", "GCMAES256": "AES-256-GCM"}
INTEGRITY = {"SHA256": "SHA2-256", "SHA384": "SHA2-384"}
IKE_GROUPS = {"DHGroup14": 14, "DHGroup2048": 14, "ECP256": 19, "ECP384": 20}
PFS_GROUPS = {"PFS14": 14, "PFS2048": 14, "ECP256": 19, "ECP384": 20}

# Every value that macOS 26 still takes (Apple schema); older ones are not worth offering to any Mac.
APPLE_ENCRYPTION = ("AES-128", "AES-256", "AES-128-GCM", "AES-256-GCM", "ChaCha20Poly1305")
APPLE_INTEGRITY = ("SHA2-256", "SHA2-384", "SHA2-512")
APPLE_GROUPS = (14, 15, 16, 17, 18, 19, 20, 21, 31, 32)

_NO_GROUP_24 = "no macOS knows Diffie-Hellman group 24"
_NO_SMALL_GROUP = "macOS 26 has dropped groups below 14"
_NO_AES192 = "no macOS takes AES with 192 bits"
_OPEN_PRF = "it leaves the pseudo-random function open, which a Mac takes from SHA256 or SHA384"
_REASONS = {
    "DHGroup24": _NO_GROUP_24,
    "PFS24": _NO_GROUP_24,
    "DHGroup1": _NO_SMALL_GROUP,
    "DHGroup2": _NO_SMALL_GROUP,
    "PFS1": _NO_SMALL_GROUP,
    "PFS2": _NO_SMALL_GROUP,
    "AES192": _NO_AES192,
    "GCMAES192": _NO_AES192,
    "DES": "macOS 26 has dropped DES",
    "DES3": "macOS 26 has dropped 3DES",
    "SHA1": "macOS 26 has dropped SHA-1",
    "MD5": "no macOS takes MD5",
    "None": "a Mac never goes without",
}


@dataclass(frozen=True)
class Association:
    """One security association, in Apple's values; lifetime in minutes."""

    encryption: str
    integrity: str
    dh_group: int
    lifetime_minutes: int


@dataclass(frozen=True)
class Algorithms:
    """Both associations, whether the child is rekeyed with a fresh key exchange, and what the user should know."""

    ike: Association
    child: Association
    pfs: bool
    warnings: tuple[str, ...] = ()


def minutes_before(gateway_seconds: int) -> int:
    """A lifetime for the Mac that ends when nine tenths of the gateway's have passed."""
    return min(max(gateway_seconds * 9 // 600, SHORTEST_MINUTES), LONGEST_MINUTES)


IKE_MINUTES = minutes_before(GATEWAY_IKE_SECONDS)
CHILD_MINUTES = minutes_before(GATEWAY_CHILD_SECONDS)


@dataclass(frozen=True)
class Pair:
    """The same choice as Azure's policy and as Apple's dictionaries."""

    azure: Mapping[str, str]
    apple: Algorithms

    def side_by_side(self) -> str:
        """One line that tells an administrator what to set in Azure, and what the Mac then says."""
        policy, ike, child = self.azure, self.apple.ike, self.apple.child
        gcm, pfs = policy["ipsecIntegrity"].startswith("GCM"), self.apple.pfs
        return (
            f"ikeEncryption {policy['ikeEncryption']} (Apple {ike.encryption}), "
            f"ikeIntegrity {policy['ikeIntegrity']} (Apple {ike.integrity}), "
            f"dhGroup {policy['dhGroup']} (Apple {ike.dh_group}), "
            f"ipsecEncryption {policy['ipsecEncryption']} (Apple {child.encryption}), "
            f"ipsecIntegrity {policy['ipsecIntegrity']} (Apple {'needs none with GCM' if gcm else child.integrity}), "
            f"pfsGroup {policy['pfsGroup']} (Apple {f'{child.dh_group} with EnablePFS 1' if pfs else 'EnablePFS 0'})"
        )


def _pair(encryption: str, integrity: str, group: str, pfs: str, child: tuple[str, str] = ("GCMAES256",) * 2) -> Pair:
    azure = {
        "ikeEncryption": encryption,
        "ikeIntegrity": integrity,
        "dhGroup": group,
        "ipsecEncryption": child[0],
        "ipsecIntegrity": child[1],
        "pfsGroup": pfs,
    }
    ike = Association(ENCRYPTION[encryption], INTEGRITY[integrity], IKE_GROUPS[group], IKE_MINUTES)
    # With GCM the child needs no integrity algorithm; Apple's default would stand there, so say the one in use.
    esp = Association(
        ENCRYPTION[child[0]],
        INTEGRITY.get(child[1], INTEGRITY[integrity]),
        PFS_GROUPS.get(pfs, IKE_GROUPS[group]),
        CHILD_MINUTES,
    )
    return Pair(azure, _with_warnings(Algorithms(ike, esp, pfs=pfs in PFS_GROUPS)))


def _with_warnings(choice: Algorithms, *further: str) -> Algorithms:
    found = list(further)
    if 19 in (choice.ike.dh_group, choice.child.dh_group):
        found.append(
            "Group 19 (ECP256) has been reported as not supported for point-to-site by Azure; "
            f"the pairs {DEFAULT_PAIR} and ecp384 are the safer choice."
        )
    if choice.pfs and choice.ike.dh_group != choice.child.dh_group:
        found.append(
            f"The IKE group {choice.ike.dh_group} and the child group {choice.child.dh_group} differ; macOS 14.0 to "
            "14.1.2 loses the tunnel at a rekey unless both are the same."
        )
    return replace(choice, warnings=tuple(found))


_LATE_DROP = (
    "algorithms.pfs is false, which fits a gateway whose policy has pfsGroup None alone: with any other, the Mac "
    "connects and loses the tunnel minutes later, when its keys are first renewed. Give ipsec_policy to be sure."
)

# In the order in which they are proposed to a user.
PAIRS: dict[str, Pair] = {
    "modp2048": _pair("AES256", "SHA256", "DHGroup14", "PFS14"),
    "ecp384": _pair("GCMAES256", "SHA384", "ECP384", "ECP384"),
    "ecp384_cbc": _pair("AES256", "SHA384", "ECP384", "ECP384"),
    "ecp256": _pair("GCMAES256", "SHA256", "ECP256", "ECP256"),
    # All that a Mac proposes whose VPN was set up in System Settings (strongSwan documentation, interop/ios).
    BY_HAND: _pair("AES256", "SHA256", "DHGroup14", "None", child=("AES256", "SHA256")),
}
_SAME_AS = {"DHGroup2048": "DHGroup14", "PFS2048": "PFS14"}
_SPELLING = {value.lower(): value for value in (*ENCRYPTION, *INTEGRITY, *IKE_GROUPS, *PFS_GROUPS, "PFSMM", *_REASONS)}
_LIFETIMES = ("saLifeTimeSeconds", "saDataSizeKilobytes")
_LARGEST = (1 << 31) - 1  # both are int32 in Azure's API


def choose(algorithms: Any = None, ipsec_policy: Any = None) -> Algorithms:
    """From what a user wrote: the gateway's own policy if it is given, else a pair's name or two dictionaries.

    `ipsec_policy` is one entry of vpnClientIpsecPolicies, or the whole list. An empty list means Azure's default
    policy, about which nothing better is known than that its documented form fits no Mac: said loudly.
    """
    if ipsec_policy is not None:
        return _from_policies(ipsec_policy)
    if algorithms is None:
        return PAIRS[DEFAULT_PAIR].apple
    if isinstance(algorithms, str):
        if algorithms not in PAIRS:
            raise ProfileError(f"algorithms: there is no pair named {_shown(algorithms)}; choose {', '.join(PAIRS)}.")
        return PAIRS[algorithms].apple
    return from_dictionaries(algorithms)


def _from_policies(policies: Any) -> Algorithms:
    entries = [policies] if isinstance(policies, Mapping) else policies
    if not isinstance(entries, Sequence) or isinstance(entries, str | bytes) or len(entries) > 1:
        raise ProfileError(
            "ipsec_policy must be one dictionary, or a list of at most one: Azure takes one custom policy per "
            "User VPN configuration."
        )
    if entries and entries[0]:
        return from_ipsec_policy(entries[0])
    fallback = PAIRS[DEFAULT_PAIR]
    return _with_warnings(
        fallback.apple,
        "The User VPN configuration has no custom IPsec policy, and the documented default of Virtual WAN "
        f"(DHGroup24, PFS24) fits no Mac. The profile offers the pair {DEFAULT_PAIR}; set this custom policy: "
        f"{fallback.side_by_side()}.",
    )


def from_ipsec_policy(policy: Any, subject: str = "The gateway's IPsec policy") -> Algorithms:
    """Apple's values for one entry of vpnClientIpsecPolicies; names in camel case (REST) or snake case (SDK).

    `subject` begins what is said of it. ProfileError when no Mac can speak the policy, or none can after macOS 26; it
    names the policy to set instead.
    """
    if not isinstance(policy, Mapping):
        raise ProfileError("ipsec_policy must be a dictionary with Azure's names: ikeEncryption, dhGroup and so on.")
    values = _values(policy)
    missing = [name for name, value in values.items() if not value]
    if missing:
        raise ProfileError(f"ipsec_policy lacks {', '.join(missing)}; Azure has all of them in a policy.")
    refused = _refusals(values)
    if refused:
        name = _nearest_pair(values)
        raise ProfileError(
            f"{subject} fits no Mac: {'; '.join(refused)}. Set the custom IPsec policy of the User VPN configuration "
            f"to the pair {name}: {PAIRS[name].side_by_side()}."
        )
    seconds = _seconds(_plain_names(policy).get("salifetimeseconds"))
    integrity = INTEGRITY[values["ikeIntegrity"]]
    group = IKE_GROUPS[values["dhGroup"]]
    pfs = values["pfsGroup"] != "None"
    ike = Association(ENCRYPTION[values["ikeEncryption"]], integrity, group, IKE_MINUTES)
    child = Association(
        ENCRYPTION[values["ipsecEncryption"]],
        INTEGRITY.get(values["ipsecIntegrity"], integrity),
        # PFSMM means "the group of main mode"; without PFS the group is never used, and Apple still wants one.
        PFS_GROUPS.get(values["pfsGroup"], group),
        minutes_before(seconds),
    )
    late = (
        [
            f"saLifeTimeSeconds {seconds} is shorter than the {SHORTEST_MINUTES} minutes that are the least a Mac "
            "takes, so the gateway will rekey first; 27000 is Azure's default."
        ]
        if child.lifetime_minutes * 60 >= seconds
        else []
    )
    return _with_warnings(Algorithms(ike, child, pfs), *late)


def azure_policy(wish: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A custom policy to set in Azure, in its own words, and the doubts about it.

    `wish` is a pair's name, an entry of vpnClientIpsecPolicies in any spelling, or a list of one. Lifetimes are in the
    policy only if they are in the wish. ProfileError for what no Mac speaks, or what Azure has no word for.
    """
    if isinstance(wish, list):
        if len(wish) != 1:
            raise ProfileError(
                "ipsec_policy must be one policy: Azure takes one custom policy per User VPN configuration, and its "
                "default one, as it is documented, fits no Mac. Leave ipsec_policy out to let it be as it is."
            )
        wish = wish[0]
    if isinstance(wish, str):
        if wish not in PAIRS:
            raise ProfileError(f"ipsec_policy: there is no pair named {_shown(wish)}; choose {', '.join(PAIRS)}.")
        wish = PAIRS[wish].azure
    if not isinstance(wish, Mapping):
        raise ProfileError(f"ipsec_policy must be the name of a pair ({', '.join(PAIRS)}), or a policy of Azure's.")
    known = {name.lower(): name for name in (*PAIRS[DEFAULT_PAIR].azure, *_LIFETIMES)}
    given = {name: value for name, value in _plain_names(wish).items() if value is not None}
    unknown = [_shown(name) for name in given if name not in known]
    if unknown:
        raise ProfileError(f"ipsec_policy takes no {', '.join(unknown)}; it takes {', '.join(known.values())}.")
    policy: dict[str, Any] = {known[name]: _spelled(value) for name, value in given.items()}
    for name in filter(policy.__contains__, _LIFETIMES):
        number = _number(policy[name])
        if not number:
            raise ProfileError(
                f"ipsec_policy.{name} must be a whole number from 1 to {_LARGEST}, not {_shown(policy[name])}."
            )
        policy[name] = number
    doubts = from_ipsec_policy(policy, "The policy in ipsec_policy").warnings
    return policy, (*doubts, *_not_listed(_values(policy)))


def same_policy(wanted: Mapping[str, Any], found: Any) -> bool:
    """Whether a policy that Azure has is the wanted one, whatever else it says, and in whatever spelling."""
    given = _plain_names(found) if isinstance(found, Mapping) else {}
    return all(_meant(given.get(name.lower())) == _meant(value) for name, value in wanted.items())


def _spelled(value: Any) -> Any:
    """A value as Azure spells it."""
    return _SPELLING.get(value.lower(), value) if isinstance(value, str) else value


def _meant(value: Any) -> Any:
    spelled = _spelled(value)
    return _SAME_AS.get(spelled, spelled) if isinstance(spelled, str) else spelled


def _not_listed(values: Mapping[str, str]) -> list[str]:
    """What Azure's API takes, and its page for Virtual WAN ("About cryptographic requirements", P2S) does not list."""
    listed = {"ipsecEncryption": ("GCMAES128", "GCMAES256"), "pfsGroup": ("PFS14", "ECP256", "ECP384")}
    listed["ipsecIntegrity"] = listed["ipsecEncryption"]
    other = [f"{name} {values[name]}" for name, known in listed.items() if _meant(values[name]) not in known]
    if not other:
        return []
    return [
        f"Microsoft's page for Virtual WAN does not list {', '.join(other)} for custom IPsec policies; whether its "
        "gateways take it shows when it is set."
    ]


def _plain_names(policy: Mapping[str, Any]) -> dict[str, Any]:
    """Names of REST (camel case) and of the SDK (snake case) in one form."""
    return {str(name).replace("_", "").lower(): value for name, value in policy.items()}


def _values(policy: Mapping[str, Any]) -> dict[str, str]:
    """What a policy says of each algorithm; empty where it says nothing."""
    given = _plain_names(policy)
    return {name: str(given.get(name.lower()) or "") for name in PAIRS[DEFAULT_PAIR].azure}


def by_hand(policies: Any) -> list[str]:
    """What becomes of Macs whose VPN is set up by hand, a sentence for each trouble.

    `policies` is one entry of vpnClientIpsecPolicies, or the whole list; an empty one is Azure's default policy, and an
    empty dictionary means that nothing is known.
    """
    entries = [policies] if isinstance(policies, Mapping) else policies
    if policies == {} or not isinstance(entries, list) or not all(isinstance(each, Mapping) for each in entries):
        return []
    pair = PAIRS[BY_HAND]
    wanted = ", ".join(f"{name} {value}" for name, value in pair.azure.items())
    cure = f"Deliver profiles to these Macs, or set the custom IPsec policy that serves both: {wanted}."
    if not entries:
        return [
            "The User VPN configuration has Azure's default IPsec policy, and no document says whether it takes what "
            f"a Mac proposes whose VPN is set up by hand. If such Macs are refused: {cure}"
        ]
    values = _values(entries[0])
    other = {name: value for name, value in values.items() if value and _SAME_AS.get(value, value) != pair.azure[name]}
    group = other.pop("pfsGroup", "")
    if other:
        found = ", ".join(f"{name} {value}" for name, value in other.items())
        return [
            "Nobody whose VPN is set up by hand can connect: such a Mac proposes nothing but AES256, SHA256 and "
            f"DHGroup14, and for IPsec AES256 and SHA256 without PFS, while the gateway's IPsec policy has {found}. "
            f"{cure}"
        ]
    if group:
        return [
            f"The gateway's IPsec policy has pfsGroup {group}, and a Mac whose VPN is set up by hand never does PFS: "
            f"it connects, and loses the tunnel when its keys are first renewed. {cure}"
        ]
    return []


def _refusals(values: Mapping[str, str]) -> list[str]:
    """One phrase for each value that a Mac cannot speak."""
    allowed: dict[str, set[str]] = {
        "ikeEncryption": set(ENCRYPTION),
        "ikeIntegrity": set(INTEGRITY),
        "dhGroup": set(IKE_GROUPS),
        "ipsecEncryption": set(ENCRYPTION),
        "ipsecIntegrity": {"SHA256"},
        "pfsGroup": {*PFS_GROUPS, "PFSMM", "None"},
    }
    if values["ipsecEncryption"].startswith("GCM"):
        allowed["ipsecIntegrity"].add(values["ipsecEncryption"])
    refused = []
    for name, value in values.items():
        if value in allowed[name]:
            continue
        if value in ENCRYPTION and name == "ikeIntegrity":
            reason = _OPEN_PRF
        elif value in ENCRYPTION and name == "ipsecIntegrity":
            reason = f"it does not go with ipsecEncryption {values['ipsecEncryption']}"
        else:
            reason = _REASONS.get(value, "Apple has no such value")
        refused.append(f"{name} {value} ({reason})")
    return refused


def _nearest_pair(values: Mapping[str, str]) -> str:
    """The pair that asks for the fewest changes in Azure, of those that its page for Virtual WAN has; not ecp256."""
    return max(
        (name for name in PAIRS if name not in ("ecp256", BY_HAND)),
        key=lambda name: sum(values[field] == value for field, value in PAIRS[name].azure.items()),
    )


def _seconds(value: Any) -> int:
    if value is None:
        return GATEWAY_CHILD_SECONDS
    seconds = _number(value)
    if not seconds:
        raise ProfileError(
            f"saLifeTimeSeconds in ipsec_policy must be a positive number of seconds, not {_shown(value)}."
        )
    return seconds


def from_dictionaries(wish: Any) -> Algorithms:
    """`{ike: {encryption, integrity, dh_group, lifetime_minutes}, child: {the same}, pfs}` in Apple's values.

    Lifetimes and pfs (true) may be left out; nothing else may, because a Mac with a half-named set mixes in defaults
    that change between releases.
    """
    if not isinstance(wish, Mapping) or not {"ike", "child"} <= set(wish) or set(wish) - {"ike", "child", "pfs"}:
        raise ProfileError(
            f"algorithms must be the name of a pair ({', '.join(PAIRS)}) or a dictionary of ike, child and, if you "
            "like, pfs."
        )
    pfs = wish.get("pfs", True)
    if not isinstance(pfs, bool):
        raise ProfileError("algorithms.pfs must be true or false.")
    ike = _association("ike", wish["ike"], IKE_MINUTES)
    child = _association("child", wish["child"], CHILD_MINUTES)
    return _with_warnings(Algorithms(ike, child, pfs), *([] if pfs else [_LATE_DROP]))


def _association(name: str, wish: Any, lifetime: int) -> Association:
    where = f"algorithms.{name}"
    names = ("encryption", "integrity", "dh_group")
    if not isinstance(wish, Mapping) or not set(names) <= set(wish) or set(wish) - {*names, "lifetime_minutes"}:
        raise ProfileError(f"{where} must give encryption, integrity and dh_group, and may give lifetime_minutes.")
    minutes = _whole(f"{where}.lifetime_minutes", wish.get("lifetime_minutes", lifetime))
    if not SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES:
        raise ProfileError(f"{where}.lifetime_minutes must lie between {SHORTEST_MINUTES} and {LONGEST_MINUTES}.")
    return Association(
        _one_of(f"{where}.encryption", wish["encryption"], APPLE_ENCRYPTION),
        _one_of(f"{where}.integrity", wish["integrity"], APPLE_INTEGRITY),
        _one_of(f"{where}.dh_group", _whole(f"{where}.dh_group", wish["dh_group"]), APPLE_GROUPS),
        minutes,
    )


def _one_of(where: str, value: _Value, allowed: Sequence[_Value]) -> _Value:
    if value not in allowed:
        raise ProfileError(f"{where} is {_shown(value)}; a Mac takes {', '.join(map(str, allowed))}.")
    return value


def _whole(where: str, value: Any) -> int:
    number = _number(value)
    if number is None:
        raise ProfileError(f"{where} must be a whole number, not {_shown(value)}.")
    return number


def _number(value: Any) -> int | None:
    """A number as JSON, YAML and people write it; None for anything else, and for one that Azure has no room for."""
    text = str(value).strip()
    return int(text) if re.fullmatch("[0-9]{1,10}", text) and int(text) <= _LARGEST else None


def _shown(value: Any) -> str:
    return shown(repr(value))
