# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Which MDM, and how to sign in there: SERVER alone, and what modules say beside it."""

    SERVER = r"""
options:
  server:
    description:
      - The MDM's server. What is not given here is looked for in the environment, under the type and the option as in
        E(JAMF_URL) and E(JAMF_CLIENT_SECRET).
    type: dict
    required: true
    suboptions:
      type:
        description: What kind of MDM it is, V(jamf) for Jamf Pro.
        type: str
        required: true
        choices: [jamf]
      url:
        description: Its https URL, as in V(https://example.jamfcloud.com).
        type: str
      client_id:
        description: >-
          The id of an API client, in Jamf Pro from Settings > API roles and clients. Wants O(server.client_secret).
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
      ca_file:
        description:
          - A file with CA certificates in PEM form that the server is trusted by.
          - Without it, E(REQUESTS_CA_BUNDLE) or the public CAs count.
        type: path
"""

    DOCUMENTATION = r"""
options:
  server:
    description:
      - The MDM's server. What is not given here is looked for in the environment, under the type and the option as in
        E(JAMF_URL) and E(JAMF_CLIENT_SECRET).
    type: dict
    required: true
    suboptions:
      type:
        description: What kind of MDM it is, V(jamf) for Jamf Pro.
        type: str
        required: true
        choices: [jamf]
      url:
        description: Its https URL, as in V(https://example.jamfcloud.com).
        type: str
      client_id:
        description: >-
          The id of an API client, in Jamf Pro from Settings > API roles and clients. Wants O(server.client_secret).
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
      ca_file:
        description:
          - A file with CA certificates in PEM form that the server is trusted by.
          - Without it, E(REQUESTS_CA_BUNDLE) or the public CAs count.
        type: path
requirements:
  - requests, which the Azure SDK brings
notes:
  - E(HTTPS_PROXY) and E(NO_PROXY) are honoured, also from the C(environment) of a task.
  - A token that was got for the task is ended with it. No redirect is followed.
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
