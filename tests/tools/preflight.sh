#!/bin/sh
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Prints the Python to use: $PYTHON, where it is set, and no other. What is missing is named in one line, with the command that installs it.

usable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; }

missing=
for tool in git ssh ssh-keygen; do
  command -v "$tool" > /dev/null || missing="$missing $tool"
done
python=
for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
  if usable "$candidate"; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || missing="$missing Python>=3.11${PYTHON:+ (PYTHON=$PYTHON is none)}"
[ -z "$python" ] || "$python" -c 'import ensurepip, venv' 2> /dev/null || missing="$missing python3-venv"

if [ -n "$missing" ]; then
  if command -v apt-get > /dev/null; then install='sudo apt-get install git openssh-client python3 python3-venv'
  elif command -v dnf > /dev/null; then install='sudo dnf install git openssh-clients python3.12'
  elif command -v brew > /dev/null; then install='brew install git openssh python@3.12'
  else install="your system's package manager"; fi
  echo "Missing:$missing. Install with: $install" >&2
  exit 1
fi
echo "$python"
