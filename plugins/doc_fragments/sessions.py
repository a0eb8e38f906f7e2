# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Where Azure writes the sessions of a gateway: into a blob."""

    DOCUMENTATION = r"""
options:
  resource_group:
    description: The resource group of the gateways.
    type: str
    required: true
  vpn_server_configuration:
    description: Ask the gateways that use this User VPN configuration, given by name or resource id.
    type: str
  virtual_wan:
    description: Ask the gateways of the one User VPN configuration that is in use in this Virtual WAN.
    type: str
  p2s_vpn_gateway:
    description:
      - Ask this gateway alone.
      - Without this, O(vpn_server_configuration) and O(virtual_wan), all gateways of the resource group are asked.
    type: str
  output_blob_sas_url:
    description:
      - The SAS URL of a blob that is there, an empty file for example, with the permissions read, add, create and
        write. Azure writes the sessions into it.
      - The blob is emptied before each question, and stays.
      - This and O(storage_account) are two ways to the same.
    type: str
  storage_account:
    description:
      - The storage account in which a blob is made for the sessions, for as long as it takes. Its name, or the https
        URL of its blob service.
      - The one who signs in needs the role C(Storage Blob Data Contributor) on O(container).
      - Requires O(container).
    type: str
  container:
    description: The container in O(storage_account), which has to be there.
    type: str
  pki:
    description:
      - The store, a file or C(postgresql://...), which tells whose certificate a session has been opened with.
      - It is only read, without the passphrase.
    type: str
requirements:
  - azure-storage-blob
notes:
  - Azure calls a session by the name in the client's certificate. That is documented by captured answers for OpenVPN
    alone; for IKEv2 it is assumed.
"""
