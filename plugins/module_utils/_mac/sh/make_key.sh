# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # joined with others: see ../shell.py, and the head of base.sh
# Make a private key of so many `bits`, in the place of one that lies here.

: "${bits:?}"

act() {
  refusal=$({ umask 077 && mkdir -p "$keys" && chmod 700 "$keys" \
    && /usr/bin/openssl genrsa -out "$key.new" "$bits" && mv -f "$key.new" "$key"; } 2>&1) || {
    rm -f "$key.new"
    say message "${refusal##*"$feed"}"
  }
  know
  csr
}
