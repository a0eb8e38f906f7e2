# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # joined with others: see ../shell.py, and the head of base.sh
# A part: the private key that was made here. Apple's own openssl by its path: root must not run one that users have
# installed, and PATH may name theirs first.

# The request of the key that lies here. Signing is not random: the same key makes the same request.
csr() {
  [ -e "$key" ] || return 0
  request=$(make_request 2> /dev/null) || say message "$(make_request 2>&1 > /dev/null)"
  [ -z "$request" ] || printf '%s\n' "$request" | sed -n 's/^/csr=/p'
}

make_request() {
  printf '%s\n' '[req]' 'distinguished_name = name' '[name]' 'commonName = Common Name' |
    /usr/bin/openssl req -new -sha256 -key "$key" -subj /CN=vwan.user_vpn -config /dev/stdin
}

drop_key() {
  refusal=$(rm -f "$key" "$key.new" "$key.pem" 2>&1) || {
    say message "$refusal"
    return 1
  }
  rmdir "$keys" 2> /dev/null || :
}

# Once the profile with this UUID is installed the keychain has the key.
served() {
  if [ -e "$key" ] && read_profiles | grep -q "^profile=[^$tab]*$tab$1$tab"; then
    if drop_key; then say dropped 1; fi
  fi
}
