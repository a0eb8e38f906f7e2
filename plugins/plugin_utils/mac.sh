# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
#
# All that this collection ever runs on a Mac: POSIX sh and tools that every Mac has.
#
#   sh -c THIS mac MARK BYTES know   IDENTIFIER SCOPE CLEAN
#   sh -c THIS mac MARK BYTES stage  IDENTIFIER SCOPE UUID PANE WAIT SETTLE [TOKEN NAME]   (the profile comes on stdin)
#   sh -c THIS mac MARK BYTES remove IDENTIFIER SCOPE
#   sh -c THIS mac MARK BYTES connect    IDENTIFIER SCOPE HOW NAME LIMIT VPN OTHERS PROBE (HOW: vpnutil, shortcut, on_demand)
#   sh -c THIS mac MARK BYTES disconnect IDENTIFIER SCOPE HOW NAME LIMIT VPN OTHERS       (OTHERS: addresses that do not count)
#   sh -c THIS mac MARK BYTES look   IDENTIFIER SCOPE CLEAN NAME   (roots on stdin, a line of base64 each)
#   sh -c THIS mac MARK BYTES change IDENTIFIER SCOPE NEW GOING... (on stdin what `change` below says)
#   sh -c THIS mac MARK BYTES csr      IDENTIFIER SCOPE
#   sh -c THIS mac MARK BYTES make_key IDENTIFIER SCOPE BITS
#   sh -c THIS mac MARK BYTES drop_key IDENTIFIER SCOPE
#
# BYTES is what comes on stdin: nothing waits for its end, which a terminal never sends, and what is cut off is noticed.
# On a terminal nothing happens but the line "terminal MARK": it would show and alter what is sent.
# With a TOKEN the profile is completed here: see complete_profile() and module_utils/_mobileconfig/completing.py.
#
# The answer is a list of key=value lines between "begin MARK" and "end MARK"; anything outside is a banner of the
# login shell. Nothing secret is ever printed: `profiles show` holds private keys, so its output is reduced here.
set -u

exec 3<&0 < /dev/null # what is started here reads nothing of what was sent
mark=$1 bytes=$2 verb=$3 identifier=$4 scope=$5
shift 5
if [ -t 3 ]; then
  printf 'terminal %s\n' "$mark"
  exit 0
fi
cache=Library/Caches/vwan.user_vpn
keys="$HOME/Library/Application Support/vwan.user_vpn"
key="$keys/$identifier.key"
tab=$(printf '\t')
feed='
'

# A line each, whatever a name or a message holds.
say() { printf '%s=%s\n' "$1" "${2%%"$feed"*}"; }

input() { head -c "$bytes" <&3; }

# Whether this text, whose last line feed a shell has dropped, is all that was sent.
whole() { [ "$(($(printf '%s\n' "$1" | wc -c)))" = "$bytes" ]; }

# Who sits at the screen; nobody while the login window is shown.
console_user() {
  seated=$(stat -f %Su /dev/console)
  case $seated in root | loginwindow | _mbsetupuser) seated= ;; esac
  printf '%s' "$seated"
}

# Run a command as a user, with that user's HOME.
as_user() {
  wanted=$1
  shift
  if [ "$(id -un)" = "$wanted" ]; then "$@"; else sudo -H -u "$wanted" "$@"; fi
}

# Run a command inside the desktop session of the user at the screen.
in_session() {
  if [ "$(id -u)" = 0 ]; then launchctl asuser "$(id -u "$1")" sudo -H -u "$@"; else as_user "$@"; fi
}

# One line for each installed profile with our identifier, out of the plist that `profiles show` prints: what it is,
# then name and On Demand switch of each VPN in it.
# Depth 1 holds the scopes (_computerlevel or a user's name), depth 3 the profiles, depth 5 their payloads.
our_profiles() {
  awk -v wanted="$identifier" '
    { gsub(/^[ \t]+|[ \t\r]+$/, "") }
    /^<(dict|array)>$/ {
      depth++
      if (depth == 3) { split("", field); services = "" }
      if (depth == 5) { service = ""; demand = 0 }
      next
    }
    /^<\/dict>$/ {
      if (depth == 5 && service != "") services = services "\t" service "\t" demand
      if (depth == 3 && field["ProfileIdentifier"] == wanted)
        printf "profile=%s\t%s\t%s\t%s%s\n", scope, field["ProfileUUID"], field["ProfileInstallDate"], \
          field["ProfileVerificationState"], services
      depth--; next
    }
    /^<\/array>$/ { depth--; next }
    /^<key>.*<\/key>$/ { key = substr($0, 6, length($0) - 11); if (depth == 1) scope = key; next }
    /^<string>.*<\/string>$/ {
      if (depth == 3) field[key] = substr($0, 9, length($0) - 17)
      if (depth > 4 && key == "UserDefinedName") service = substr($0, 9, length($0) - 17)
    }
    /^(<integer>1<\/integer>|<true\/>)$/ { if (depth > 4 && key == "OnDemandEnabled") demand = 1 }
  '
}

show_profiles() {
  shown=$(profiles show -type configuration "$@" -output stdout-xml 2>&1)
  status=$?
  case $shown in
    *'<plist'*) printf '%s\n' "$shown" | our_profiles ;;
    '' | *'no configuration profiles'*) [ "$status" = 0 ] || say profiles_error "exit status $status" ;;
    *) say profiles_error "$(printf '%s\n' "$shown" | head -n 1)" ;;
  esac
}

read_profiles() {
  case $scope in
    User)
      if [ "$(id -u)" != 0 ]; then show_profiles
      elif [ -n "$console" ]; then show_profiles -user "$console"; fi
      ;;
    *) show_profiles ;;
  esac
}

read_keychain() {
  case $scope in
    User) [ -z "$console" ] || as_user "$console" security "$@" login.keychain-db ;;
    *) security "$@" /Library/Keychains/System.keychain ;;
  esac 2> /dev/null
}

# Note whose folder has what, and which run cleans up. Nothing is staged before this is written.
note_staged() {
  mkdir -p "$HOME/$cache" && printf '%s\t%s\t%s\n' "$1" "$$" "$mark" > "$HOME/$cache/staged" && return
  forget_staged
  return 1
}

forget_staged() { rm -f "$HOME/$cache/staged" && { rmdir "$HOME/$cache" 2> /dev/null || :; }; }

# A file that an earlier run staged and could not remove. It holds a private key.
leftovers() {
  [ -r "$HOME/$cache/staged" ] || return 0
  owner='' process='' run=''
  IFS=$tab read -r owner process run < "$HOME/$cache/staged" || :
  # A run that still waits for its person cleans up by itself. It is known by its mark: its number may be another
  # process's by now, and answers `kill -0` also while nobody has taken note of its end.
  case $(ps -ww -o args= -p "${process:-0}" 2> /dev/null) in *" ${run:-none} "*) return 0 ;; esac
  if [ -z "$owner" ]; then # killed while it wrote this, before anything was staged
    if [ "$1" = 1 ]; then forget_staged; fi
    return 0
  fi
  say leftover "$owner"
  if [ "$1" = 1 ]; then unstage "$owner" || say stuck 1; fi
}

unstage() {
  # shellcheck disable=SC2016 # that user's HOME
  as_user "$1" sh -c 'cd "$HOME" && rm -rf "./$1/profiles" && { rmdir "./$1" 2> /dev/null || :; }' sh "$cache" \
    && forget_staged
}

# Not part of macOS: github.com/Timac/VPNStatus. PATH of an ssh command lacks the folders of Homebrew.
vpnutil_path() {
  for file in "$(command -v vpnutil)" /opt/homebrew/bin/vpnutil /usr/local/bin/vpnutil; do
    if [ -x "$file" ]; then
      printf '%s' "$file"
      return
    fi
  done
}

# The native client's tunnels: ipsecN with an address, but none of those OTHERS. Other programs have utunN.
tunnels() {
  ifconfig | awk -v others=" ${1-} " '
    /^[^ \t]/ { interface = $1; sub(/:$/, "", interface) }
    /^[ \t]+inet / { if (interface ~ /^ipsec[0-9]+$/ && !index(others, " " $2 " ")) printf "tunnel=%s\t%s\n", interface, $2 }
  '
}

know() {
  console=$(console_user)
  say path "$PATH"
  say user "$(id -un)"
  say uid "$(id -u)"
  [ ! -e "$key" ] || say key 1
  say console_user "$console"
  sw_vers | sed -n "s/^ProductVersion:[ $tab]*/macos_version=/p; s/^BuildVersion:[ $tab]*/build=/p"
  ioreg -rd1 -c IOPlatformExpertDevice | sed -n 's/.*"IOPlatformSerialNumber" = "\(.*\)".*/serial_number=\1/p'
  profiles status -type enrollment 2> /dev/null | sed -n 's/^/enrollment=/p'
  read_profiles
  read_keychain find-certificate -a -Z | sed -n 's/^SHA-1 hash: */certificate=/p; s/^SHA-256 hash: */fingerprint=/p'
  read_keychain find-identity -p ipsec | sed -n 's/^ *[0-9][0-9]*) \([0-9A-F]\{40\}\) .*/identity=\1/p'
  if [ -n "$(vpnutil_path)" ]; then say vpnutil 1; fi
  tunnels
}

# Apple's own openssl by its path: root must not run one that users have installed, and PATH may name theirs first.
# The request of the key that lies here. Signing is not random: the same key makes the same request.
csr() {
  [ -e "$key" ] || return 0
  printf '%s\n' '[req]' 'distinguished_name = name' '[name]' 'commonName = Common Name' |
    /usr/bin/openssl req -new -sha256 -key "$key" -subj /CN=vwan.user_vpn -config /dev/stdin 2> /dev/null | sed -n 's/^/csr=/p'
}

make_key() {
  refusal=$({ umask 077 && mkdir -p "$keys" && chmod 700 "$keys" \
    && /usr/bin/openssl genrsa -out "$key.new" "$1" && mv -f "$key.new" "$key"; } 2>&1) \
    || say message "$(printf '%s\n' "$refusal" | tail -n 1)"
}

drop_key() {
  rm -f "$key" "$key.new" "$key.pem"
  rmdir "$keys" 2> /dev/null || :
}

# A certificate and a profile come on stdin; the profile goes out with the PKCS#12 and its password in the places that
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

installed() { read_profiles | grep -q "^profile=[^$tab]*$tab$uuid$tab"; }

stage() {
  uuid=$1 pane=$2 wait=$3 settle=$4 token=${5-} name=${6-}
  console=$(console_user)
  if [ -z "$console" ]; then
    input > /dev/null
    say stage no_console_user
    return
  fi
  if ! note_staged "$console"; then
    input > /dev/null
    say stage cannot_write
    return
  fi
  trap 'unstage "$console"' EXIT
  trap 'exit 129' HUP INT TERM PIPE
  if [ -n "$token" ]; then
    incoming=$(input)
    if ! whole "$incoming"; then
      say stage cut_off
      return
    fi
    content=$(complete_profile 2> /dev/null) || {
      say stage cannot_complete
      return
    }
    bytes=$(($(printf '%s\n' "$content" | wc -c)))
  fi
  # The person's own folder: no other account can read there or put a link in the way.
  # shellcheck disable=SC2016 # that user's HOME
  file=$(if [ -n "$token" ]; then printf '%s\n' "$content"; else input; fi | as_user "$console" sh -c '
    umask 077 && cd "$HOME" && rm -rf "./$1/profiles" && mkdir -p "./$1/profiles" &&
    cat > "./$1/profiles/$2.mobileconfig" && printf "%s" "$PWD/$1/profiles/$2.mobileconfig" &&
    { [ "$(($(wc -c < "./$1/profiles/$2.mobileconfig")))" = "$3" ] || exit 3; }' sh "$cache" "$identifier" "$bytes")
  case $? in
    0) ;;
    3)
      say stage cut_off
      return
      ;;
    *)
      say stage cannot_write
      return
      ;;
  esac
  refusal=$(in_session "$console" open "$pane" "$file" 2>&1) || {
    say stage cannot_open
    say message "$(printf '%s\n' "$refusal" | head -n 1)"
    return
  }
  say stage opened
  now=$(date +%s)
  settled=$((now + settle)) end=$((now + wait))
  while :; do
    # Writing now and then is how a lost connection is noticed.
    say waiting "$((end - now))"
    if installed; then break; fi
    now=$(date +%s)
    if [ "$now" -ge "$end" ] && [ "$now" -ge "$settled" ]; then break; fi
    sleep 1
  done
  unstage "$console"
  trap - EXIT
  # From here on the keychain has the key.
  if [ -n "$token" ] && installed; then drop_key; fi
}

remove() {
  case $scope in
    User) set -- -type configuration -user "$(console_user)" -identifier "$identifier" -forced ;;
    *) set -- -identifier "$identifier" -forced ;;
  esac
  answer=$(profiles remove "$@" 2>&1) || say message "$(printf '%s\n' "$answer" | head -n 1)"
}

reached() {
  case $verb in
    connect) [ -n "$(tunnels "$others")" ] ;;
    *) [ -z "$(tunnels "$others")" ] ;;
  esac
}

# Why the last connection of our VPN ended. Of the log, which names people and servers, only error codes and fixed phrases
# go out. A session that was up, or that somebody stopped, may end as "Plugin initiated", too: no gateway refused it.
explain() {
  [ "$(id -u)" = 0 ] || return 0
  # What this run did not start itself may have failed before it began.
  case $how$probe in
    on_demand) set -- --last "$((limit / 60 + 5))m" ;;
    *) set -- --start "$began" ;;
  esac
  log show "$@" --style compact --predicate 'subsystem == "com.apple.networkextension"' 2> /dev/null | VPN=$vpn awk '
    !/NESMIKEv2VPNSession\[/ || (ENVIRON["VPN"] != "" && !index($0, ":" ENVIRON["VPN"] ":")) { next }
    /status changed to connecting/ { up = 0; stopped = 0 }
    /status changed to connected/ { up = 1; found = "" }
    match($0, /Domain=(NEVPNConnectionErrorDomainPlugin|IKEv2ProviderDisconnectionErrorDomain) Code=-?[0-9]+/) {
      found = substr($0, RSTART + 7, RLENGTH - 7)
      sub(/Code=/, "", found)
    }
    match($0, /status changed to disconnected, last stop reason [A-Z][A-Za-z, -]+$/) {
      reason = substr($0, RSTART + 49)
      if (reason == "Stop command received") { stopped = 1; found = "" }
      else if (reason != "Plugin initiated" || !(up || stopped)) found = reason
    }
    END { if (found != "") print "disconnect=" found }
  '
}

# Start or stop the tunnel and wait for what becomes of it.
switch_tunnel() {
  how=$1 name=$2 limit=$3 vpn=$4 others=$5 probe=${6-}
  console=$(console_user)
  began=$(date '+%Y-%m-%d %H:%M:%S')
  if reached; then return; fi
  case $how in
    vpnutil)
      case $verb in connect) order=start ;; *) order=stop ;; esac
      # It ends with 0 whatever came of it. Somebody installed it, so it runs as that user at most, never as root.
      program=$(vpnutil_path)
      if [ -n "$console" ]; then answer=$(in_session "$console" "$program" "$order" "$name" 2>&1)
      else answer=$(as_user "$(stat -L -f %Su "$program")" "$program" "$order" "$name" 2>&1); fi
      case $?$answer in
        0*'Could not find'* | [!0]*)
          say stage refused
          say message "$(printf '%s\n' "$answer" | head -n 1)"
          return
          ;;
      esac
      ;;
    shortcut)
      if [ -z "$console" ]; then
        say stage no_console_user
        return
      fi
      # `shortcuts run` ends with 0 even for a shortcut that does not exist.
      if ! in_session "$console" shortcuts list 2> /dev/null | grep -Fqx -- "$name"; then
        say stage no_shortcut
        return
      fi
      # In the background: a shortcut may stop to ask the person something, and is left to her then. Redirected by
      # exec, so that not even the shell in between holds on to the connection.
      (
        exec > /dev/null 2>&1 3<&-
        in_session "$console" shortcuts run "$name"
      ) &
      ;;
  esac
  end=$(($(date +%s) + limit))
  while ! reached; do
    now=$(date +%s)
    # Writing now and then is how a lost connection is noticed.
    say waiting "$((end - now))"
    if [ "$now" -ge "$end" ]; then
      explain
      break
    fi
    if [ -n "$probe" ]; then ping -c 1 -t 1 "$probe" > /dev/null 2>&1; fi
    sleep 1
  done
}

# The certificates with NAME in their common name, whole; and which of the roots on stdin this Mac trusts.
look() {
  roots=$(input)
  if ! whole "$roots"; then
    say stage cut_off
    return
  fi
  [ -z "$1" ] || read_keychain find-certificate -a -c "$1" -p | awk '
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

# `security -i` takes its commands from stdin: a password among them is in no process's arguments.
in_keychain() {
  { [ -z "$unlock" ] || printf 'unlock-keychain -p %s "%s"\n' "$unlock" "$keychain"; cat; } \
    | as_user "$owner" security -i 2>&1
}

# What the VPN of macOS is made of; it may use the key without asking.
programs='-T /usr/libexec/nehelper -T /usr/libexec/nesessionmanager -T /usr/libexec/neagent'
programs="$programs -T /System/Library/Frameworks/NetworkExtension.framework/PlugIns/NEIKEv2Provider.appex"

# On stdin the quoted password of the keychain or an empty line; then one line for each of what is to come in:
#   cer - BASE64                a root
#   p12 PASSWORD BASE64 LABEL   the client identity; LABEL is quoted
# What is GOING (certificate:SHA-1, identity:SHA-1) goes only when the identity NEW is there.
change() {
  new=$1
  shift
  console=$(console_user)
  owner=$(id -un) keychain=/Library/Keychains/System.keychain
  if [ "$scope" = User ]; then owner=$console keychain=login.keychain-db; fi
  incoming=$(input)
  if ! whole "$incoming"; then
    say stage cut_off
    return
  fi
  unlock=${incoming%%"$feed"*}
  if ! note_staged "$owner"; then
    say stage cannot_write
    return
  fi
  trap 'unstage "$owner"' EXIT
  trap 'exit 129' HUP INT TERM PIPE
  commands=$(printf '%s\n' "$incoming" | import_commands) || {
    say stage cannot_write
    return
  }
  refusal=$([ -z "$commands" ] || printf '%s\n' "$commands" | in_keychain)
  if [ $# -gt 0 ] && { [ "$new" = - ] || read_keychain find-identity -p ipsec | grep -q " $new "; }; then
    refusal="$refusal
$(for going; do printf 'delete-%s -Z %s "%s"\n' "${going%%:*}" "${going#*:}" "$keychain"; done | in_keychain)"
  fi
  printf '%s\n' "$refusal" | sed -n -e 's/.*security: \(Sec.*\)/message=\1/p' -e 's/.*\(Unable to .*\)/message=\1/p' | head -n 1
  unstage "$owner"
  trap - EXIT
}

# Stage what is to come in, and print the commands that bring it.
import_commands() {
  read -r kind # the line of the keychain's password
  number=0
  while read -r kind password text label; do
    # shellcheck disable=SC2016 # that user's HOME
    file=$(printf '%s' "$text" | as_user "$owner" sh -c '
      umask 077 && cd "$HOME" && mkdir -p "./$1/profiles" && base64 -D > "./$1/profiles/$2" &&
      printf "%s" "$PWD/$1/profiles/$2"' sh "$cache" "$number.$kind") || return 1
    access=
    [ "$kind" = cer ] || access=" -P $password -x $programs"
    printf 'import "%s" -k "%s"%s\n' "$file" "$keychain" "$access"
    # A login keychain guards its keys a second time, by the maker of the program.
    if [ "$kind" = p12 ] && [ -n "$unlock" ]; then
      printf 'set-key-partition-list -S apple-tool:,apple: -s -l %s -k %s "%s"\n' "$label" "$unlock" "$keychain"
    fi
    number=$((number + 1))
  done
}

printf 'begin %s\n' "$mark"
case $verb in
  know)
    leftovers "$1"
    know
    ;;
  stage)
    stage "$@"
    know
    ;;
  remove)
    remove
    know
    ;;
  connect | disconnect)
    switch_tunnel "$@"
    know
    ;;
  look)
    leftovers "$1"
    know
    look "$2"
    ;;
  change)
    change "$@"
    know
    ;;
  csr | make_key | drop_key)
    case $verb in csr) ;; *) "$verb" "${1-}" ;; esac
    know
    csr
    ;;
esac
printf 'end %s\n' "$mark"
