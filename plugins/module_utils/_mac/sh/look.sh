# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # joined with others: see ../shell.py, and the head of base.sh
# The certificates with `name` in their common name, whole; and which of the roots on stdin (a line of base64 each) this
# Mac trusts.
#
#   check   1: what an earlier run left is only told

: "${check:?}" "${name?}"

look() {
  roots=$(input)
  if ! whole "$roots"; then
    say stage cut_off
    return
  fi
  [ -z "$name" ] || read_keychain find-certificate -a -c "$name" -p 2> /dev/null | awk '
    /^-----BEGIN/ { text = "named="; next }
    /^-----END/ { print text; text = ""; next }
    text != "" { text = text $0 }
  '
  # Trust may be the user's own: that user is asked about a login keychain.
  owner=$(id -un)
  if [ "$scope" = User ] && [ -n "$console" ]; then owner=$console; fi
  # shellcheck disable=SC2016 # for that user's shell
  printf '%s\n' "$roots" | as_user "$owner" sh -c '
    folder=$(mktemp -d -t vwan.user_vpn) || exit
    trap "rm -rf \"$folder\"" EXIT
    trap "exit 129" HUP INT TERM PIPE
    number=0
    while read -r text; do
      [ -n "$text" ] || continue
      printf "%s" "$text" | base64 -D > "$folder/root.cer"
      if security verify-cert -q -L -l -p basic -c "$folder/root.cer" > /dev/null 2>&1 < /dev/null; then echo "trusted=$number"; fi
      number=$((number + 1))
    done'
}

act() {
  leftovers "$check"
  know
  look
}
