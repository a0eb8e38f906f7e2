# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Apple's schema says of each key on macOS, as far as our profiles are concerned.

Behind a "=" stand payload and dictionary, then a line for each key: type, whether it is required, first macOS, values
or range; a dash is nothing said. Source: the files of apple/device-management, mdm/profiles, that bear the names of the
payloads, in the edition of macOS 15.1, read by a program; with what the edition of macOS 26 has added (the post-quantum
key exchanges, EnforceStrictAlgorithmSelection) and what Apple's reference (developer.apple.com, devicemanagement,
VPN.IKEv2) has in 2026: TLS 1.3. Keys that are not for macOS, and the settings of other kinds of VPN, are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

_ROWS = """
= TopLevel
PayloadIdentifier string required - -
PayloadUUID string required - -
PayloadType string required - Configuration
PayloadVersion integer required - 1
IsEncrypted boolean - - -
PayloadContent array required - -
PayloadContent[] dictionary - - -
EncryptedPayloadContent data - - -
PayloadDescription string - - -
PayloadDisplayName string - - -
HasRemovalPasscode boolean - - -
PayloadOrganization string - - -
PayloadRemovalDisallowed boolean - - -
PayloadScope string - 10.8 System,User
RemovalDate date - - -
DurationUntilRemoval real - - -
PayloadExpirationDate date - - -
TargetDeviceType integer - 10.15 0,1,2,3,4,5,6
ConsentText dictionary - - -
= CommonPayloadKeys
PayloadIdentifier string required - -
PayloadUUID string required - -
PayloadType string required - -
PayloadVersion integer required - 1
PayloadDescription string - - -
PayloadDisplayName string - - -
PayloadOrganization string - - -
= com.apple.security.root
PayloadCertificateFileName string - - -
PayloadContent data required - -
= com.apple.security.pkcs1
PayloadCertificateFileName string - - -
PayloadContent data required - -
= com.apple.security.pkcs12
PayloadCertificateFileName string - - -
PayloadContent data required - -
Password string - - -
AllowAllAppsAccess boolean - 10.10 -
KeyIsExtractable boolean - 10.15 -
= com.apple.security.scep
PayloadContent dictionary required - -
= com.apple.security.scep PayloadContent
URL string required 10.7 -
Name string - - -
Subject array - - -
Subject[] array - - -
SubjectAltName dictionary - - -
SubjectAltName.rfc822Name string - - -
SubjectAltName.dNSName string - - -
SubjectAltName.uniformResourceIdentifier string - - -
SubjectAltName.ntPrincipalName string - - -
Challenge string - - -
Keysize integer - - 1024,2048,4096
Key Type string - - RSA
Key Usage integer - 10.11 0,1,4,5
CAFingerprint data - - -
Retries integer - 10.10 -
RetryDelay integer - 10.10 -
KeyIsExtractable boolean - 10.13 -
AllowAllAppsAccess boolean - 10.10 -
= com.apple.vpn.managed
VPNType string required - VPN,L2TP,IPSec,IKEv2,AlwaysOn,TransparentProxy
VPNSubType string - - -
UserDefinedName string required - -
IKEv2 dictionary - - -
DNS dictionary - - -
Proxies dictionary - - -
= com.apple.vpn.managed IKEv2
RemoteAddress string required - -
LocalIdentifier string required - -
RemoteIdentifier string required - -
AuthenticationMethod string required - None,SharedSecret,Certificate
CertificateType string - - RSA,ECDSA256,ECDSA384,ECDSA521,RSA-PSS
PayloadCertificateUUID string - - -
Password string - - -
ProviderBundleIdentifier string - - -
ProviderDesignatedRequirement string - 10.15 -
SharedSecret string - - -
ExtendedAuthEnabled integer - - 0,1
AuthName string - - -
AuthPassword string - - -
OnDemandEnabled integer - - 0,1
OnDemandRules array - - -
OnDemandRules[] dictionary - - -
DeadPeerDetectionRate string - - None,Low,Medium,High
ServerCertificateIssuerCommonName string - - -
ServerCertificateCommonName string - - -
TLSMinimumVersion string - 10.13 1.0,1.1,1.2,1.3
TLSMaximumVersion string - 10.13 1.0,1.1,1.2,1.3
UseConfigurationAttributeInternalIPSubnet integer - - 0,1
DisableMOBIKE integer - - 0,1
DisableRedirect integer - - 0,1
DisconnectOnIdle integer - - 0,1
DisconnectOnIdleTimer integer - - -
NATKeepAliveOffloadEnable integer - - 0,1
NATKeepAliveInterval integer - - -
EnablePFS integer - - 0,1
EnableCertificateRevocationCheck integer - - 0,1
MTU integer - 11.0 1280..1400
ProviderType string - - packet-tunnel,app-proxy
IncludeAllNetworks integer - 10.15 0,1
EnforceRoutes integer - 11.0 0,1
ExcludeLocalNetworks integer - 10.15 0,1
ExcludeCellularServices integer - 13.3 0,1
ExcludeAPNs integer - 13.3 0,1
ExcludeDeviceCommunication integer - 14.4 0,1
PPK data - 15.0 -
PPKIdentifier string - 15.0 -
PPKMandatory integer - 15.0 0,1
AllowPostQuantumKeyExchangeFallback integer - 26.0 0,1
EnforceStrictAlgorithmSelection integer - 15.5 0,1
IKESecurityAssociationParameters dictionary - - -
ChildSecurityAssociationParameters dictionary - - -
= com.apple.vpn.managed IKEv2.OnDemandRules[]
Action string required - Allow,Connect,Disconnect,EvaluateConnection,Ignore
ActionParameters array - - -
ActionParameters[] dictionary - - -
DNSDomainMatch array - - -
DNSDomainMatch[] string - - -
DNSServerAddressMatch array - - -
DNSServerAddressMatch[] string - - -
InterfaceTypeMatch string - - Ethernet,WiFi,Cellular
SSIDMatch array - - -
SSIDMatch[] string - - -
URLStringProbe string - - -
= com.apple.vpn.managed IKEv2.OnDemandRules[].ActionParameters[]
Domains array required - -
Domains[] string - - -
DomainAction string required - ConnectIfNeeded,NeverConnect
RequiredDNSServers array - - -
RequiredDNSServers[] string - - -
RequiredURLStringProbe string - - -
= com.apple.vpn.managed IKEv2.IKESecurityAssociationParameters
EncryptionAlgorithm string - - DES,3DES,AES-128,AES-256,AES-128-GCM,AES-256-GCM,ChaCha20Poly1305
IntegrityAlgorithm string - - SHA1-96,SHA1-160,SHA2-256,SHA2-384,SHA2-512
DiffieHellmanGroup integer - - 1,2,5,14,15,16,17,18,19,20,21,31,32
LifeTimeInMinutes integer - - 10..1440
PostQuantumKeyExchangeMethods array - 26.0 -
PostQuantumKeyExchangeMethods[] integer - - 0,36,37
= com.apple.vpn.managed IKEv2.ChildSecurityAssociationParameters
EncryptionAlgorithm string - - DES,3DES,AES-128,AES-256,AES-128-GCM,AES-256-GCM,ChaCha20Poly1305
IntegrityAlgorithm string - - SHA1-96,SHA1-160,SHA2-256,SHA2-384,SHA2-512
DiffieHellmanGroup integer - - 1,2,5,14,15,16,17,18,19,20,21,31,32
LifeTimeInMinutes integer - - 10..1440
PostQuantumKeyExchangeMethods array - 26.0 -
PostQuantumKeyExchangeMethods[] integer - - 0,36,37
= com.apple.vpn.managed DNS
DNSProtocol string required 11.0 Cleartext,HTTPS,TLS
ServerURL string - 11.0 -
ServerName string - 11.0 -
ServerAddresses array required 10.12 -
ServerAddresses[] string - - -
SearchDomains array - 10.12 -
SearchDomains[] string - - -
DomainName string - 10.12 -
SupplementalMatchDomains array - 10.12 -
SupplementalMatchDomains[] string - - -
SupplementalMatchDomainsNoSearch integer - 10.12 0,1
PayloadCertificateUUID string - 13.0 -
= com.apple.vpn.managed Proxies
ProxyAutoConfigEnable integer - - 0,1
ProxyAutoDiscoveryEnable integer - - 0,1
ProxyAutoConfigURLString string - - -
SupplementalMatchDomains array - - -
SupplementalMatchDomains[] string - - -
HTTPEnable integer - - 0,1
HTTPProxy string - - -
HTTPPort integer - - 0..65535
HTTPProxyUsername string - - -
HTTPProxyPassword string - - -
HTTPSEnable integer - - 0,1
HTTPSProxy string - - -
HTTPSPort integer - - 0..65535
"""


@dataclass(frozen=True)
class AppleKey:
    """A row. `kind` in the words of property lists; `low` and `high` are those of a range."""

    kind: str
    required: bool
    since: str
    values: tuple[str, ...]
    low: int | None
    high: int | None


def _read() -> dict[tuple[str, str], AppleKey]:
    found = {}
    payload = prefix = ""
    for row in _ROWS.strip().splitlines():
        if row.startswith("= "):
            _sign, payload, *path = row.split()
            prefix = "".join(f"{each}." for each in path)
            continue
        name, kind, required, since, values = row.rsplit(maxsplit=4)
        low, dots, high = values.partition("..")
        found[payload, prefix + name] = AppleKey(
            kind,
            required == "required",
            since.strip("-"),
            () if dots or values == "-" else tuple(values.split(",")),
            int(low) if dots else None,
            int(high) if dots else None,
        )
    return found


APPLE = _read()
