# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # joined with others: see ../shell.py, and the head of base.sh
# Open the profile that comes on stdin for the person at the screen. Nobody is waited for.
#
#   uuid    of the profile
#   pane    what `open` is given beside it
#   settle  seconds that the file stays, for the pane's copy
#   token   not empty: the profile is completed here, with the private key that lies here; see complete_profile() and
#           module_utils/_mobileconfig/completing.py
#   name    of the identity, for that

: "${uuid:?}" "${pane:?}" "${settle:?}" "${token?}" "${name?}"

# A certificate and a profile have come; the profile goes out with the PKCS#12 and its password in the places that
# the token marks. Key and password never are an argument: shells print and pipe by themselves.
complete_profile() {
  umask 077
  printf '%s\n' "$incoming" | sed '/^-----END CERTIFICATE-----$/q' > "$key.pem" || return 1
  password=$(/usr/bin/openssl rand -hex 20)
  # The one form that every macOS opens, and what LibreSSL of macOS 11 knows of it.
  identity=$(printf '%s\n' "$password" | /usr/bin/openssl pkcs12 -export -inkey "$key" -in "$key.pem" -name "$name" \
    -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 -passout stdin | base64)
  rm -f "$key.pem"
  [ "${#password}" = 40 ] && [ -n "$identity" ] || return 1
  printf '%s\n' "$password" "$identity" "$incoming" | awk -v token="$token" '
    NR == 1 { password = $0; next }
    NR == 2 { identity = $0; next }
    /^<[?]xml/ { profile = 1 }
    !profile { next }
    { line = $0; gsub(/^[ \t]+|[ \t]+$/, "", line) }
    line == token { print identity; next }
    line == "<string>" token "</string>" { print "<string>" password "</string>"; next }
    { print }
  '
}

# Into the person's own folder: no other account can read there or put a link in the way.
put_profile() {
  # shellcheck disable=SC2016 # that user's HOME
  as_user "$console" sh -c '
    umask 077 && cd "$HOME" && mkdir -p "./$1" && cat > "./$1/$2.mobileconfig" &&
    printf "at %s\n" "$PWD/$1/$2.mobileconfig" &&
    { [ "$(($(wc -c < "./$1/$2.mobileconfig")))" = "$3" ] || exit 3; }' sh "$cache/$mark" "$identifier" "$1" 2>&1
}

stage() {
  if [ -z "$console" ]; then
    input > /dev/null
    say stage no_console_user
    return
  fi
  refusal=$(note_staged "$console" 2>&1) || {
    input > /dev/null
    say stage cannot_write
    say message "$refusal"
    return
  }
  guard "$console"
  if [ -n "$token" ]; then
    incoming=$(input)
    if ! whole "$incoming"; then
      say stage cut_off
      return
    fi
    content=$(complete_profile 2> /dev/null) || {
      say stage cannot_complete
      say message "$(complete_profile 2>&1 > /dev/null)" # once more, for the reason alone: the rest is secret
      return
    }
    answer=$(printf '%s\n' "$content" | put_profile "$(($(printf '%s\n' "$content" | wc -c)))")
  else
    answer=$(input | put_profile "$length")
  fi
  case $? in
    0) file=$(printf '%s\n' "$answer" | sed -n 's/^at //p') ;;
    3)
      say stage cut_off
      return
      ;;
    *)
      say stage cannot_write
      say message "$answer"
      return
      ;;
  esac
  refusal=$(in_session "$console" open "$pane" "$file" 2>&1) || {
    say stage cannot_open
    say message "$refusal"
    return
  }
  say stage opened
  say offered_to "$console"
  release_later "$settle"
}

act() {
  console=$(console_user)
  stage
  know
  served "$uuid" # after that: whoever approves in between must not be told as installed beside a key that stays
}
