#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the mobileconfig action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mobileconfig
short_description: Render the configuration profiles of many Macs, or delete profiles that must not be used any more
version_added: 1.0.0
description:
  - Writes a C(.mobileconfig) for each of O(macs) that holds the gateway roots, one client identity or the way to one,
    and the IKEv2 connection, and checks it against Apple's schema first. One task with C(run_once) serves a whole play.
  - What is wrong with one Mac is told in its entry of RV(macs), and the others go on. The task fails for what concerns
    all of them. One identity for two Macs is refused in the entries of both.
  - The same arguments give the same bytes. All UUIDs in the profile are computed, and the C(PayloadUUID) of the
    profile itself stands for its content, so comparing it with the C(ProfileUUID) that a Mac shows tells whether that
    Mac has this very profile.
  - A renewed certificate moves the names of the identity and the UUID of the profile, and leaves the connection in
    place.
  - A file holds a private key and, as Apple's format wants it, its password. It is written with mode V(0600).
    Neither is ever part of a result or a diff.
author:
  - The vwan.user_vpn contributors (@vwan-user-vpn)
extends_documentation_fragment:
  - vwan.user_vpn.attributes
  - vwan.user_vpn.attributes.controller
  - vwan.user_vpn.pki.optional
attributes:
  check_mode:
    support: full
    details: Where the package or an identity does not exist yet, because an earlier task would have brought it, a
      change is predicted and the values that depend on it are empty. The C(sha256) of a file that would be signed or
      packed anew cannot be predicted.
  diff_mode:
    support: full
    details: Shows the keys of the profile, one per line. Certificates are shown by their SHA-256 fingerprint, a
      password is not shown at all.
  idempotent:
    support: full
    details: A signature holds the time of signing, so a signed file is signed anew only when its content or the
      signing certificates change.
options:
  state:
    description:
      - V(present) renders profiles; it wants O(settings) and O(macs), and each Mac has an O(identifier) and an
        O(connection_name), of its own or from here.
      - V(absent) deletes the profiles in O(dest) that hold one of O(certificates), on the controller alone.
    type: str
    choices: [present, absent]
    default: present
  dest:
    description:
      - The folder of the profiles, C(<host>.mobileconfig) each, and of C(manifest.json), which lists them for an MDM or
        for the person who feeds it. A missing folder is made with mode V(0700).
      - With O(pki) they are copies. Whether anything has changed is told by the store, which knows what was rendered
        last for each host, though this controller may not have that file.
      - The manifest keeps the entries of hosts that are not in O(macs), and several tasks may write it at a time.
    type: path
    required: true
  settings:
    description:
      - The settings of the profile package, as M(vwan.user_vpn.profile_package_info) and
        M(vwan.user_vpn.profile_package) return them.
      - Used are C(vpn_server), C(gateway_roots), C(dns_servers), C(routes) and C(ikev2).
    type: dict
  delivery:
    description:
      - How the profile is to reach the Mac. It is no part of it, and written into the entry and the manifest for
        whoever goes on.
      - V(approve) has a person approve it on the Mac, V(mdm) leaves it to an MDM that somebody feeds, V(mdm_api) to
        M(vwan.user_vpn.mdm_profile), V(mdm_api_ssh) as well, after which M(vwan.user_vpn.mac_profile) looks at the Mac,
        V(export) to somebody who is given the folder.
    type: str
    choices: [approve, mdm, mdm_api, mdm_api_ssh, export]
    default: approve
  passphrase:
    description: Opens the store, see M(vwan.user_vpn.root_certificate). Required when a profile changes whose private
      key is there.
    type: str
  identifier:
    description:
      - The identifier of the profile, best a reverse-DNS name such as V(com.example.uservpn). Keep it for the life of
        this VPN. It has letters, digits, dots, dashes, underscores and blanks, and begins with a letter or a digit.
      - A Mac replaces an installed profile of the same identifier; with another identifier it would have two.
    type: str
  connection_name:
    description: The name of the connection in System Settings > VPN.
    type: str
  display_name:
    description: The name of the profile in System Settings. Defaults to O(connection_name).
    type: str
  organization:
    description: Who the profile comes from, as shown before it is installed.
    type: str
  description:
    description: What the profile is for, as shown before it is installed.
    type: str
  scope:
    description:
      - Where the profile lives. V(System) serves everybody on the Mac.
      - It is always written, since macOS 26.1 and later have refused network profiles without it.
    type: str
    choices: [System, User]
    default: System
  removal_disallowed:
    description: Whether removing a profile that was installed by hand needs an administrator.
    type: bool
    default: false
  server_address:
    description: Where to connect, a host name or an address. Defaults to the C(vpn_server) of O(settings).
    type: str
  remote_identifier:
    description: The name that the gateway must prove. Defaults to the C(vpn_server) of O(settings).
    type: str
  local_identifier:
    description:
      - The name by which the Mac introduces itself, one of the certificate's subject alternative names. macOS sends an
        IP address as such, a text with C(@) as a mail address and any other as a DNS name, and a gateway looks for it
        among the alternative names of that kind.
      - Defaults to the certificate's common name if that is one of them, or else to the name of the user in it, as in
        user@domain and DOMAIN\\user, or else to the first of them.
    type: str
  authentication:
    description:
      - V(certificate) is plain IKEv2 certificate authentication.
      - V(eap_tls) uses the same certificate in EAP-TLS, of TLS 1.2 unless O(ikev2) sets C(TLSMinimumVersion) to
        V(1.3). The gateway's name is then checked more strictly; see O(server_certificate_common_name).
    type: str
    choices: [certificate, eap_tls]
    default: certificate
  server_certificate_common_name:
    description: The name in the gateway's certificate, where it differs from O(remote_identifier).
    type: str
  server_certificate_issuer_common_name:
    description: The common name of the gateway certificate's CA. Makes the Mac ask the gateway for its certificate.
    type: str
  algorithms:
    description:
      - What the Mac proposes. It must be what the custom IPsec policy of the User VPN configuration says. A known
        O(ipsec_policy) wins over it.
      - A name, V(modp2048) (the default; AES256, SHA256, DHGroup14, GCMAES256, GCMAES256, PFS14 in Azure), V(ecp384)
        (GCMAES256, SHA384, ECP384, GCMAES256, GCMAES256, ECP384), V(ecp384_cbc) (AES256, SHA384, ECP384, GCMAES256,
        GCMAES256, ECP384), V(ecp256) (GCMAES256, SHA256, ECP256, GCMAES256, GCMAES256, ECP256; reported as not
        supported, so it warns) or V(by_hand) (AES256, SHA256, DHGroup14, AES256, SHA256, None; what a Mac proposes
        whose VPN is set up by hand, so that one policy serves both).
      - Or a dictionary of C(ike) and C(child), each with C(encryption), C(integrity) and C(dh_group) in Apple's
        values, and C(lifetime_minutes) if you like; and C(pfs), which is V(true) unless you say V(false).
    type: raw
  ipsec_policy:
    description:
      - The C(vpnClientIpsecPolicies) of the User VPN configuration, or its one entry, from which the algorithms are
        derived.
      - A policy that no Mac can speak, such as DHGroup24, PFS24, AES192, SHA1, MD5 or DHGroup2, is an error that names
        the policy to set instead.
      - An empty dictionary means that none is known.
      - An empty list is Azure's default policy, whose documented form fits no Mac. The profile then offers
        V(modp2048), with a warning.
      - Lifetimes are set so that the Mac rekeys before the gateway does.
    type: raw
  dead_peer_detection:
    description: How often a silent gateway is asked whether it is alive, V(low) every 30 minutes, V(medium) 10,
      V(high) 1.
    type: str
    choices: [none, low, medium, high]
    default: medium
  routing:
    description:
      - V(split) sends into the tunnel what the gateway asks for.
      - V(full) sends everything, with Apple's fixed exceptions. The hub must advertise a default route to its
        point-to-site users.
    type: str
    choices: [split, full]
    default: split
  enable_internet_security:
    description:
      - Whether the gateway sends its clients' traffic to the internet through the hub, as
        M(vwan.user_vpn.profile_package) and M(vwan.user_vpn.server_configuration_info) return it. With V(false) and
        O(routing=full) there is a warning.
      - Without it, that is not known.
    type: bool
  enforce_routes:
    description: With O(routing=split), lets the routes of the tunnel win over routes of the local network.
    type: bool
    default: false
  exclude_local_networks:
    description: With O(routing=full) or O(enforce_routes=true), keeps the local network, with its printers, outside
      the tunnel.
    type: bool
    default: false
  on_demand:
    description:
      - When macOS connects by itself. Without it, a person connects.
      - The rules are written in the order trusted networks, what connects, everything else, and each ends with a rule
        for all other networks.
      - On a Mac, its user may switch On Demand off.
    type: dict
    suboptions: &on_demand
      connect:
        description:
          - V(always) connects as soon as there is a network. V(domains) connects when a name in O(on_demand.domains)
            is looked up.
          - V(never) writes no rules.
        type: str
        choices: [never, always, domains]
        default: never
      enabled:
        description: With V(false) the rules are there, and it is for the person to switch On Demand on.
        type: bool
        default: true
      domains:
        description: Domains whose names need the VPN.
        type: list
        elements: str
      excluded_domains:
        description: Domains inside O(on_demand.domains) that do not.
        type: list
        elements: str
      required_dns_servers:
        description: Connect only if these DNS servers cannot resolve the name.
        type: list
        elements: str
      required_url_probe:
        description: Connect only if this URL cannot be fetched.
        type: str
      interfaces:
        description: Connect on these kinds of network only.
        type: list
        elements: str
        choices: [ethernet, wifi]
      ssids:
        description: Of all Wi-Fi networks, connect on these only.
        type: list
        elements: str
      url_probe:
        description: Connect only once this URL can be fetched without a redirect, which waits for a captive portal.
        type: str
      trusted_ssids:
        description: Wi-Fi networks on which the VPN is taken down.
        type: list
        elements: str
      trusted_domains:
        description: Networks with these search domains, on which the VPN is taken down. A leading V(*) is allowed.
        type: list
        elements: str
      trusted_dns_servers:
        description: Networks with these DNS servers, on which the VPN is taken down. V(10.1.*) is allowed.
        type: list
        elements: str
      otherwise:
        description: What to do on a network that no other rule is about.
        type: str
        choices: [disconnect, ignore]
        default: disconnect
      rules:
        description: The rules in Apple's own form, instead of all wishes above but O(on_demand.enabled).
        type: list
        elements: dict
  dns:
    description: DNS settings that apply while connected. None of them comes from Azure but the servers. Without it,
      what the gateway says applies.
    type: dict
    suboptions: &dns
      protocol:
        description:
          - How the servers are asked, in Apple's words. V(HTTPS) wants O(dns.server_url), V(TLS) wants
            O(dns.server_name).
          - By these the Mac knows a server's certificate. It still wants O(dns.servers).
        type: str
        choices: [Cleartext, HTTPS, TLS]
        default: Cleartext
      server_url:
        description: The URI template of a server for DNS over HTTPS (RFC 8484), which begins with C(https://).
        type: str
      server_name:
        description: The host name in the certificate of a server for DNS over TLS (RFC 7858).
        type: str
      servers:
        description: Defaults to the C(dns_servers) of O(settings). Apple wants at least one as soon as anything else
          is set.
        type: list
        elements: str
      search_domains:
        description: Domains to complete a short name with.
        type: list
        elements: str
      match_domains:
        description: Names in these domains, and no others, are resolved by these servers.
        type: list
        elements: str
      match_domains_only:
        description: Keeps O(dns.match_domains) out of the list of search domains.
        type: bool
        default: false
      domain_name:
        description: The primary domain of the tunnel.
        type: str
  proxies:
    description:
      - Web proxies that apply while connected, as Apple's dictionary C(Proxies) by Apple's names, for instance
        C(ProxyAutoConfigEnable) and C(ProxyAutoConfigURLString) for a PAC file, or C(HTTPSEnable), C(HTTPSProxy) and
        C(HTTPSPort).
      - They are checked against Apple's schema. A user name and a password for a proxy are refused, for whoever sees
        the profile would have them.
    type: dict
  ikev2:
    description:
      - Further keys of Apple's IKEv2 dictionary by Apple's names, for instance C(MTU), C(DisableMOBIKE),
        C(DisconnectOnIdle) or, with O(authentication=eap_tls), C(TLSMaximumVersion).
      - They are checked as the others are, and may not replace a key that has an option of its own. A flag may be a
        boolean; it is written as Apple's schema has it, V(0) or V(1).
    type: dict
  client_chain:
    description:
      - PEM files with CA certificates of the client's chain. Needed where an intermediate CA has issued the client
        certificate and the PKCS#12 file does not hold that intermediate.
    type: list
    elements: path
  macos:
    description: The macOS version of the Mac, such as V(14.7). Keys and values are then checked for that version,
      otherwise for all from macOS 11 on.
    type: str
  sign_with:
    description:
      - Signs the profile, so that a Mac which trusts the signer shows it as verified.
      - An empty dictionary means that it is not signed, as with O(on_demand) and O(dns).
    type: dict
    suboptions: &sign_with
      certificate:
        description: The signing certificate, a PEM file. Wants O(sign_with.key).
        type: path
      key:
        description: Its RSA or EC private key, a PEM file.
        type: path
      passphrase:
        description: The passphrase of that key.
        type: str
      chain:
        description: The CA certificates between it and its root, a PEM file.
        type: path
  macs:
    description:
      - The Macs of which each is to have a profile, and whatever of the options above differs for one. An option that
        is null is as for all.
      - In a play with the strategy V(free) or V(host_pinned), which ignores C(run_once), each host renders its own
        entry alone.
    type: list
    elements: dict
    suboptions:
      host:
        description: The inventory name of the Mac. The file is named after it, so it cannot hold a slash.
        type: str
        required: true
      identity:
        description: >-
          The client certificate with its private key, or the certificate alone if its private key is on the Mac.
        type: dict
        suboptions:
          client:
            description:
              - The client whose current identity is in the store that O(pki) names. The CAs between it and its root
                become payloads of their own.
              - If the client's key was made on its Mac, it is the certificate alone, as with
                O(macs[].identity.certificate_path).
            type: str
          sha1:
            description: >-
              The SHA-1 of its certificate, as M(vwan.user_vpn.client_certificates) has returned it. By it, check mode
              knows that an earlier task would have issued another one.
            type: str
          pkcs12_path:
            description:
              - A PKCS#12 file with one RSA certificate that may serve for client authentication and has not ended. Its
                common name should be one of its alternative names. One without any, as makecert makes it, is taken with
                a warning.
              - A file with 3DES, a SHA-1 MAC and nothing but certificate and key, which is what every Mac reads, goes
                into the profile as it is. Any other is packed again in that form. Intermediate CA certificates inside
                it become payloads of their own, a root inside it is left out. So a PFX that Windows has exported with
                its whole path is welcome.
              - A file that wants its password hashed more than four million times is refused before it is opened.
            type: path
          password:
            description: Its password, plain ASCII and not empty. Required with O(macs[].identity.pkcs12_path).
            type: str
          certificate_path:
            description:
              - The client certificate in PEM form, whose private key M(vwan.user_vpn.mac_key) has made on the Mac.
              - The profile then holds no secret. It cannot be installed before M(vwan.user_vpn.mac_profile) has
                completed it on that Mac, so it cannot be signed or delivered by an MDM, and its O(scope) is V(System).
            type: path
          scep:
            description:
              - Where the Mac gets its certificate by itself, from a SCEP server. It makes the key, which nobody else
                ever has.
              - With variables of an MDM in O(macs[].identity.scep.subject), one profile serves all Macs that have the
                same O(identifier), in a file that is named after it. These Macs have all options in common, and their
                O(delivery) is not V(approve). A file that a Mac had for itself before is deleted.
              - Without variables the profile is that of one Mac.
              - The names of this payload move with these options only, other than the challenge. So a Mac that gets
                another connection, or another challenge, keeps its certificate.
              - Azure has to trust the root of that server's CA, and lets in RSA certificates. The CAs between go into
                O(client_chain).
            type: dict
            suboptions:
              url:
                description:
                  - The address of the SCEP server, or the variable of the MDM that stands for it. With C(http), set
                    O(macs[].identity.scep.ca_fingerprint), too.
                type: str
                required: true
              name:
                description: The name of the CA at that server, where it has several.
                type: str
              challenge:
                description: The secret that lets a Mac in, or the variable of the MDM that stands for it. It is in the
                  profile, and part of its C(sha256), so take a long one.
                type: str
              subject:
                description:
                  - The name in the certificate, with one C(CN), which becomes an alternative name, too. It is written
                    as V(/CN=%SerialNumber%/O=Example), as V(CN=%SerialNumber%,O=Example), as a list of pairs, or as
                    Apple has it, a list of lists of pairs. A backslash stands before a sign that would part it.
                  - Types are V(C), V(L), V(ST), V(O), V(OU), V(CN) and OIDs with dots.
                  - Variables are written as the MDM wants them, V(%SerialNumber%) (filled in by the Mac),
                    V($SERIALNUMBER) (Jamf Pro), V($FLEET_VAR_HOST_HARDWARE_SERIAL) (Fleet) or
                    V({{serialnumber}}) (Intune; Ansible leaves it alone with C(!unsafe)
                    before the text). Nobody knows whether macOS fills in V(%SerialNumber%) where it introduces itself
                    to the gateway, so the others are better.
                type: raw
                required: true
              ca_fingerprint:
                description: The SHA-1 of the CA certificate that the SCEP server shows, written in any usual way. A Mac
                  takes no SHA-256 here.
                type: str
              key_type:
                description: V(RSA), the only one that a Mac makes for SCEP.
                type: str
                default: RSA
              key_size:
                description: Of the key in bits, V(2048) or V(4096).
                type: int
                default: 2048
      serial_number:
        description: The Mac's serial number, for the manifest. Without it, one that stands there already is kept.
        type: str
      key_wanted:
        description: Whether the Mac has to make a new key first, as M(vwan.user_vpn.client_certificates) has returned
          it. Nothing is rendered then, and the file of an older rendering stays.
        type: bool
      problem:
        description: A sentence why this Mac can have no profile, for whoever finds out earlier. It becomes the C(msg)
          of its entry.
        type: str
      settings:
        description: As O(settings), for this Mac.
        type: dict
      delivery:
        description: As O(delivery), for this Mac.
        type: str
        choices: [approve, mdm, mdm_api, mdm_api_ssh, export]
      identifier:
        description: As O(identifier), for this Mac.
        type: str
      connection_name:
        description: As O(connection_name), for this Mac.
        type: str
      display_name:
        description: As O(display_name), for this Mac.
        type: str
      organization:
        description: As O(organization), for this Mac.
        type: str
      description:
        description: As O(description), for this Mac.
        type: str
      scope:
        description: As O(scope), for this Mac.
        type: str
        choices: [System, User]
      removal_disallowed:
        description: As O(removal_disallowed), for this Mac.
        type: bool
      server_address:
        description: As O(server_address), for this Mac.
        type: str
      remote_identifier:
        description: As O(remote_identifier), for this Mac.
        type: str
      local_identifier:
        description: As O(local_identifier), for this Mac.
        type: str
      authentication:
        description: As O(authentication), for this Mac.
        type: str
        choices: [certificate, eap_tls]
      server_certificate_common_name:
        description: As O(server_certificate_common_name), for this Mac.
        type: str
      server_certificate_issuer_common_name:
        description: As O(server_certificate_issuer_common_name), for this Mac.
        type: str
      algorithms:
        description: As O(algorithms), for this Mac.
        type: raw
      ipsec_policy:
        description: As O(ipsec_policy), for this Mac.
        type: raw
      dead_peer_detection:
        description: As O(dead_peer_detection), for this Mac.
        type: str
        choices: [none, low, medium, high]
      routing:
        description: As O(routing), for this Mac.
        type: str
        choices: [split, full]
      enable_internet_security:
        description: As O(enable_internet_security), for this Mac.
        type: bool
      enforce_routes:
        description: As O(enforce_routes), for this Mac.
        type: bool
      exclude_local_networks:
        description: As O(exclude_local_networks), for this Mac.
        type: bool
      on_demand:
        description: As O(on_demand), for this Mac.
        type: dict
        suboptions: *on_demand
      dns:
        description: As O(dns), for this Mac.
        type: dict
        suboptions: *dns
      proxies:
        description: As O(proxies), for this Mac.
        type: dict
      ikev2:
        description: As O(ikev2), for this Mac.
        type: dict
      client_chain:
        description: As O(client_chain), for this Mac.
        type: list
        elements: path
      macos:
        description: As O(macos), for this Mac.
        type: str
      sign_with:
        description: As O(sign_with), for this Mac.
        type: dict
        suboptions: *sign_with
  certificates:
    description:
      - SHA-1 fingerprints of client certificates, such as those that were revoked. With O(state=absent) only.
      - Capitals, blanks, colons, dashes and invisible marks do not matter.
    type: list
    elements: str
notes:
  - An expired gateway root gives a warning and stays in the profile. A warning about many Macs is shown once.
  - Wants the Python package C(cryptography), 43 or newer, on the controller.
seealso:
  - module: vwan.user_vpn.profile_package_info
  - module: vwan.user_vpn.client_certificates
  - module: vwan.user_vpn.mac_profile
"""

EXAMPLES = r"""
- name: A profile for each Mac
  hosts: user_vpn
  gather_facts: false
  tasks:
    - name: Read the profile package
      vwan.user_vpn.profile_package_info:
        path: package.zip
      register: package
      run_once: true

    - name: Issue the certificates of all Macs
      vwan.user_vpn.client_certificates:
        pki: ~/user-vpn.db
        passphrase: "{{ user_vpn_passphrase }}"
        clients: "{{ ansible_play_batch }}"
      register: certificates
      run_once: true

    - name: Say whose identity each profile holds
      ansible.builtin.set_fact:
        mac:
          host: "{{ inventory_hostname }}"
          identity:
            client: "{{ inventory_hostname }}"
            sha1: "{{ certificates.clients[inventory_hostname].sha1 }}"

    - name: Render all profiles
      vwan.user_vpn.mobileconfig:
        settings: "{{ package.settings }}"
        pki: ~/user-vpn.db
        passphrase: "{{ user_vpn_passphrase }}"
        macs: "{{ ansible_play_batch | map('extract', hostvars, 'mac') | list }}"
        identifier: com.example.uservpn
        connection_name: Example VPN
        organization: Example Ltd
        dest: profiles
      register: profiles
      run_once: true

    - name: Bring each onto its Mac
      vwan.user_vpn.mac_profile:
        profile: "{{ profiles.macs[inventory_hostname] }}"

    - name: Delete the profiles with certificates that were revoked
      vwan.user_vpn.mobileconfig:
        state: absent
        dest: profiles
        certificates: "{{ certificates.revoked | map(attribute='sha1') | list }}"
      run_once: true

- name: Profiles for two Macs with identities of a company's own, signed, to be fed to an MDM
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Read the profile package
      vwan.user_vpn.profile_package_info:
        path: package.zip
      register: package

    - name: Render profiles that connect outside the office, with names of the company inside the tunnel
      vwan.user_vpn.mobileconfig:
        settings: "{{ package.settings }}"
        macs:
          - host: mac-01
            serial_number: C02XK1ABJG5J
            identity:
              pkcs12_path: identities/mac-01.p12
              password: "{{ identity_password }}"
          - host: mac-02
            identity:
              pkcs12_path: identities/mac-02.p12
              password: "{{ identity_password }}"
            on_demand: {}
        identifier: com.example.uservpn
        connection_name: Example VPN
        delivery: mdm
        algorithms: ecp384
        on_demand:
          connect: always
          trusted_ssids: [Example Office]
          trusted_domains: [office.example.com]
        dns:
          match_domains: [corp.example.com]
        proxies:
          ProxyAutoConfigEnable: true
          ProxyAutoConfigURLString: https://pac.corp.example.com/proxy.pac
        sign_with:
          certificate: signing/certificate.pem
          key: signing/key.pem
          passphrase: "{{ signing_passphrase }}"
        dest: profiles

    - name: Render one profile for all Macs of an MDM, which get their certificates by SCEP
      vwan.user_vpn.mobileconfig:
        settings: "{{ package.settings }}"
        macs:
          - host: mac-01
            serial_number: C02XK1ABJG5J
            identity: "{{ scep }}"
          - host: mac-02
            serial_number: C02XK1ABJG5K
            identity: "{{ scep }}"
        identifier: com.example.uservpn.scep
        connection_name: Example VPN
        delivery: mdm
        dest: profiles
      vars:
        scep:
          scep:
            url: https://pki.example.com/scep
            challenge: "{{ scep_challenge }}"
            subject: /CN=$SERIALNUMBER/O=Example
"""

RETURN = r"""
alone:
  description: >-
    Whether only the profile of the host was rendered that the task belongs to, as in a play with the strategy V(free)
    or V(host_pinned).
  returned: with O(state=present)
  type: bool
  sample: false
macs:
  description: For each of O(macs), by its host, what came of it. Nothing in it is secret. Of a Mac without a profile,
    what is not known is empty.
  returned: with O(state=present)
  type: dict
  contains:
    failed:
      description: Whether this Mac can have no profile.
      type: bool
      returned: always
      sample: false
    msg:
      description: Why it has none, or why check mode cannot know it yet.
      type: str
      returned: when it has none
      sample: "There is no identity: set identity to a client of the store, or to a file."
    changed:
      description: Whether its profile is another one than before.
      type: bool
      returned: always
      sample: true
    host:
      description: The inventory name of the Mac.
      type: str
      returned: always
      sample: mac-01
    path:
      description: The file.
      type: str
      returned: always
      sample: /srv/vpn/profiles/mac-01.mobileconfig
    identifier:
      description: The C(PayloadIdentifier) of the profile.
      type: str
      returned: always
      sample: com.example.uservpn
    scope:
      description: The C(PayloadScope) of the profile.
      type: str
      returned: always
      sample: System
    display_name:
      description: The name of the profile in System Settings.
      type: str
      returned: always
      sample: Example VPN
    delivery:
      description: How it is to reach the Mac.
      type: str
      returned: always
      sample: approve
    client:
      description: The client of the store whose identity is in it. Empty for one from a file.
      type: str
      returned: always
      sample: mac-01
    key_on_mac:
      description: Whether the Mac has the private key, and completes the profile.
      type: bool
      returned: always
      sample: false
    shared:
      description: Whether other Macs have this very profile, too, in which the MDM fills in what differs.
      type: bool
      returned: always
      sample: false
    profile_uuid:
      description: The C(PayloadUUID) of the profile, which a Mac shows as C(ProfileUUID). Empty where nothing was
        rendered.
      type: str
      returned: always
      sample: 6C4A8C7E-6E0F-5B7A-9C43-0C9A0B5C3B11
    sha256:
      description: The SHA-256 of the file, in lower case.
      type: str
      returned: always
      sample: 0f343b0931126a20f133d67c2b018a3b1d0a3d2bb2a8a5e9a34f3a1c1e9f3e0c
    common_name:
      description: The common name in the client certificate.
      type: str
      returned: always
      sample: mac-01
    certificate_sha1:
      description: The SHA-1 fingerprint of the client certificate, in upper case.
      type: str
      returned: always
      sample: 3F2504E04F8911D39A0C0305E82C33010A1B2C3D
    certificate_not_after:
      description: The end of its validity, in UTC.
      type: str
      returned: always
      sample: '2027-11-22T21:13:00Z'
    certificates:
      description: The SHA-256 fingerprints of all certificates in the profile, in upper case.
      type: list
      elements: str
      returned: always
      sample: [5F1E35A3B1A2C8E8E0B9A4C1D2E3F405162738495A6B7C8D9EAFB0C1D2E3F405]
    gateway_roots:
      description: The SHA-1 fingerprints of the gateway roots in it, in upper case.
      type: list
      elements: str
      returned: always
      sample: [DF3C24F9BFD666761B268073FE06D1CC8D4F82A4]
  sample:
    mac-01:
      failed: false
      changed: true
      host: mac-01
      path: /srv/vpn/profiles/mac-01.mobileconfig
      identifier: com.example.uservpn
      scope: System
      display_name: Example VPN
      delivery: approve
      client: mac-01
      key_on_mac: false
      shared: false
      profile_uuid: 6C4A8C7E-6E0F-5B7A-9C43-0C9A0B5C3B11
      sha256: 0f343b0931126a20f133d67c2b018a3b1d0a3d2bb2a8a5e9a34f3a1c1e9f3e0c
      common_name: mac-01
      certificate_sha1: 3F2504E04F8911D39A0C0305E82C33010A1B2C3D
      certificate_not_after: '2027-11-22T21:13:00Z'
      certificates: [5F1E35A3B1A2C8E8E0B9A4C1D2E3F405162738495A6B7C8D9EAFB0C1D2E3F405]
      gateway_roots: [DF3C24F9BFD666761B268073FE06D1CC8D4F82A4]
removed:
  description: The hosts whose profiles were deleted.
  returned: with O(state=absent)
  type: list
  elements: str
  sample: [mac-042]
"""
