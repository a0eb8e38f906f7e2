# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # joined with others: see ../shell.py, and the head of base.sh
#
# All that this collection ever runs on a Mac lies in this folder: POSIX sh and tools that every Mac has. shell.py joins
# this file, the parts that a verb needs, and the verb's own file, which defines `act`; end.sh runs it:
#
#   sh -c THIS mac NAME=VALUE...
#
# `mark` and `length` are always given; what else a verb takes stands at the head of its file. `length` is how many
# bytes come on stdin: nothing waits for an end, which a terminal never sends, and what is cut off is noticed. On a
# terminal nothing happens but the line "terminal MARK": it would show and alter what is sent.
#
# The answer is a list of key=value lines between "begin MARK" and "end MARK"; anything outside is a banner of the
# login shell. Its keys stand in ../answer.py. Nothing secret is ever printed.
set -u

exec 3<&0 < /dev/null # what is started here reads nothing of what was sent
for word; do eval "${word%%=*}=\${word#*=}"; done
: "${mark:?}" "${length:?}"
if [ -t 3 ]; then
  printf 'terminal %s\n' "$mark"
  exit 0
fi

tab=$(printf '\t')
feed='
'

# A line each, whatever a name or a message holds.
say() { printf '%s=%s\n' "$1" "${2%%"$feed"*}"; }

input() { head -c "$length" <&3; }

# Whether this text, whose last line feed a shell has dropped, is all that was sent.
whole() { [ "$(($(printf '%s\n' "$1" | wc -c)))" = "$length" ]; }

# Who sits at the screen; nobody while the login window is shown.
console_user() {
  seated=$(stat -f %Su /dev/console)
  case $seated in root | loginwindow | _mbsetupuser) seated= ;; esac
  printf '%s' "$seated"
}

# For what goes on in the background: it holds on to nothing of this connection, not even in the shell in between.
detach() { exec > /dev/null 2>&1 3<&-; }

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
