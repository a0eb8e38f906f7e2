# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Which MDM, and how to sign in there: SERVER; the Macs: MACS; and what modules say beside it."""

    SERVER = r"""
options:
  server:
    description:
      - The MDM's server. For Jamf Pro, what is not given here is looked for in the environment, as E(JAMF_URL),
        E(JAMF_CLIENT_SECRET) and so on; for Fleet as E(FLEET_URL) and E(FLEET_API_TOKEN); for NanoMDM as
        E(NANOMDM_URL), E(NANOMDM_API_KEY), E(NANOMDM_RECORD) and E(NANOMDM_RESULTS).
      - For Intune, the sign-in is that of the modules for Azure, with all that these find in the environment, as
        E(AZURE_TENANT_ID), E(AZURE_CLIENT_ID) and E(AZURE_CLIENT_SECRET); or else it is that of the Azure CLI.
    type: dict
    required: true
    suboptions:
      type:
        description: What kind of MDM it is, V(fleet) for Fleet (fleetdm.com), V(intune) for Microsoft Intune, V(jamf)
          for Jamf Pro, V(nanomdm) for NanoMDM.
        type: str
        required: true
        choices: [fleet, intune, jamf, nanomdm]
      url:
        description:
          - Its https URL, as in V(https://example.jamfcloud.com).
          - For Intune that is Microsoft Graph's, which is known by O(server.cloud_environment), or else E(INTUNE_URL).
          - What listens on this machine's own V(127.0.0.1), V(::1) or V(localhost) may be http.
        type: str
      client_id:
        description: >-
          The id of an API client, in Jamf Pro from Settings > API roles and clients, where it wants
          O(server.client_secret). For Intune it is the application id of the service principal, or the client id of a
          managed identity.
        type: str
      client_secret:
        description: Its secret.
        type: str
      username:
        description: An account for Jamf Pro, instead of an API client. Wants O(server.password).
        type: str
      password:
        description: Its password.
        type: str
      token:
        description: For Fleet, the API token of a user with the role Maintainer, best an API-only user.
        type: str
      team_id:
        description:
          - For Fleet, the id of the team that the Macs are in, which newer releases call a fleet.
          - Without it, or with V(0), they are those that are in no team.
        type: int
      tenant:
        description: For Intune, the directory that the service principal belongs to.
        type: str
      x509_certificate_path:
        description: For Intune, a file with certificate and key of the service principal, instead of a secret.
        type: path
      auth_source:
        description: For Intune, where the sign-in comes from, as in the modules for Azure.
        type: str
        choices:
          - auto
          - cli
          - credential_file
          - env
          - msi
          - service_principal
          - workload_identity
      cloud_environment:
        description: For Intune, the cloud, as in the modules for Azure. By it Microsoft Graph is found.
        type: str
      groups:
        description:
          - For Intune, the object ids of the groups of Entra ID that profiles may be assigned to. Nobody is ever put
            into one.
          - A shared profile reaches those that its Macs are in, and so whoever else is in them. A profile with a
            private key wants a group whose only member is its Mac.
        type: list
        elements: str
      api_key:
        description: For NanoMDM, its API key.
        type: str
      record:
        description:
          - For NanoMDM, a file in which is written down which commands were given, since NanoMDM tells nobody. It is
            made where there is none.
          - Whoever runs this needs the same one. Where it was lost, each Mac gets its profile once more.
        type: path
      results:
        description:
          - For NanoMDM, a file with a line of JSON for each event of its webhook, as it was sent. It is somebody's
            receiver that writes it. What Macs have answered is known from there.
          - Where it is rotated, the older one is looked for beside it, with C(.1) at its end.
        type: path
      ca_file:
        description:
          - A file with CA certificates in PEM form that the server is trusted by.
          - Without it, E(REQUESTS_CA_BUNDLE) or the public CAs count.
        type: path
"""

    MACS = r"""
options:
  profiles:
    description: The Macs, each with its profile.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: The inventory name of the Mac.
        type: str
        required: true
      serial_number:
        description: Its serial number, by which the MDM finds it. Capitals do not matter.
        type: str
        default: ''
      udid:
        description: Its UDID, for an MDM that knows no serial numbers.
        type: str
        default: ''
      profile:
        description:
          - What M(vwan.user_vpn.mobileconfig) has returned for it. Only the C(path) of the file is needed, and that by
            M(vwan.user_vpn.mdm_profile) alone.
          - Its C(PayloadScope) has to be V(System), since an MDM delivers to the device.
        type: dict
      shared:
        description:
          - Whether M(vwan.user_vpn.mdm_profile) is to have the MDM hold one profile for all Macs that have this
            O(profiles[].profile), instead of one for each. Then it may hold no private key.
          - Macs that have it already keep it, whether they are named or not. A scope with groups is left as it is.
        type: bool
      problem:
        description: A sentence why this Mac can have no profile, or why nobody can tell of it, for whoever finds out
          earlier. It becomes the C(msg) of its entry.
        type: str
"""

    DOCUMENTATION = r"""
requirements:
  - requests, which the Azure SDK brings
  - for Intune, azure-identity
notes:
  - E(HTTPS_PROXY) and E(NO_PROXY) are honoured, also from the C(environment) of a task.
  - Where a server can end a token, that of the task is ended with it. No redirect is followed.
seealso:
  - name: Delivery by an MDM
    description: What each MDM can do, the rights that the account needs, and what stays in its database.
    link: https://github.com/vwan-user-vpn/vwan.user_vpn/blob/main/docs/mdm.md
attributes:
  action_group:
    description: Use C(group/vwan.user_vpn.mdm) in C(module_defaults) to set the options of all these modules at once.
    support: full
    membership:
      - vwan.user_vpn.mdm
"""
