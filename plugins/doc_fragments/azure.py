# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options that every module of this collection that talks to Azure has. Named as in azure.azcollection."""

    DOCUMENTATION = r"""
options:
  subscription_id:
    description:
      - The id of the subscription.
      - Without it, E(AZURE_SUBSCRIPTION_ID) counts, then the default subscription of the Azure CLI.
    type: str
  tenant:
    description:
      - The directory that the service principal belongs to, by its id or one of its domain names.
      - Without it, E(AZURE_TENANT) or E(AZURE_TENANT_ID) counts.
    type: str
  client_id:
    description:
      - The application id of the service principal, or the client id of a user-assigned managed identity.
      - Without it, E(AZURE_CLIENT_ID) counts.
    type: str
  secret:
    description:
      - The secret of the service principal.
      - Without it, E(AZURE_SECRET) or E(AZURE_CLIENT_SECRET) counts.
    type: str
  x509_certificate_path:
    description:
      - A file on the controller with the certificate and the private key of the service principal, in PEM or PKCS#12
        form.
      - Without it, E(AZURE_X509_CERTIFICATE_PATH) or E(AZURE_CLIENT_CERTIFICATE_PATH) counts.
        A password of the file comes from E(AZURE_CLIENT_CERTIFICATE_PASSWORD).
    type: path
  profile:
    description:
      - A profile of O(credential_file), a section with C(subscription_id), C(tenant), C(client_id) and C(secret) or
        C(x509_certificate_path), and perhaps C(cloud_environment). It wins over O(client_id), O(secret) and the
        environment; O(subscription_id) and O(cloud_environment) win over what it says of them.
      - Without it, E(AZURE_PROFILE) counts where no option describes who signs in.
    type: str
  credential_file:
    description:
      - The INI file on the controller with the profiles. Without it, that of azure.azcollection counts,
        C(~/.azure/credentials).
      - Its profile C(default) counts where neither options nor environment describe who signs in.
    type: path
  auth_source:
    description:
      - Where the sign-in comes from. Without it, E(ANSIBLE_AZURE_AUTH_SOURCE) counts, then V(auto).
      - V(auto) takes the first that is described by O(profile), by the other options, by the environment, by the
        profile C(default) of O(credential_file); or else the login of the Azure CLI.
      - V(env) looks at the environment only, V(credential_file) at the profile only.
      - V(service_principal) takes a secret or a certificate from options and environment.
      - V(workload_identity) takes the token in the file that E(AZURE_FEDERATED_TOKEN_FILE) names, as pods of AKS and
        pipelines with federated credentials have it, for O(tenant) and O(client_id). V(auto) and V(env) do so, too,
        where there is neither secret nor certificate.
      - V(cli) takes the login of the Azure CLI, made by C(az login).
      - V(msi) takes the managed identity of the machine; with O(client_id) the user-assigned one.
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
    description:
      - V(AzureCloud), V(AzureUSGovernment), V(AzureChinaCloud), or the https URL of another cloud's management API.
      - With a URL, E(AZURE_AUTHORITY_HOST) names the host that signs in.
      - Without it, E(AZURE_CLOUD_ENVIRONMENT) counts, then V(AzureCloud).
    type: str
  cli_timeout:
    description: The seconds that the Azure CLI may take to give a token.
    type: int
    default: 60
  wait_timeout:
    description:
      - The seconds that one call to Azure may take, with all the waiting that Azure asks for.
      - An answer that is late may take a few seconds more.
    type: int
    default: 1800
requirements:
  - azure-mgmt-network >= 28
  - azure-identity
notes:
  - The Python packages are needed on the controller, where the work is done. They are imported when a call is made, not
    before.
  - E(HTTPS_PROXY), E(NO_PROXY) and E(REQUESTS_CA_BUNDLE) are honoured, also from the C(environment) of a task.
  - No resource provider is ever registered.
seealso:
  - name: Azure from this collection
    description: The custom role to paste, ways to sign in, hosts for the firewall, and what to do about each error.
    link: https://github.com/vwan-user-vpn/vwan.user_vpn/blob/main/docs/azure.md
attributes:
  action_group:
    description: Use C(group/vwan.user_vpn.azure) in C(module_defaults) to set the options of all these modules at once.
    support: full
    membership:
      - vwan.user_vpn.azure
"""
