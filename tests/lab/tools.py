# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder that is a Mac's whole PATH: doubles, and the host's POSIX tools behind wrappers.

A wrapper is a few lines of sh. It records its arguments (so that a test can look for secrets in them), refuses what
only GNU's version of the tool knows, keeps tools that write away from the host's own folders, and then becomes the
real tool. What the BSD tools print differently is imitated where a script would trip over it (`wc`, `mktemp`).
Sources: the man pages of the BSD tools that macOS ships (apple-oss-distributions: text_cmds, file_cmds, shell_cmds).
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from . import commands, macos

# What every Mac has and a script may use; the host has it too, being POSIX. No python, perl, jq, timeout, getent, ...
LINKED = (
    "awk", "basename", "bc", "cat", "chmod", "cksum", "cmp", "comm", "cp", "cut", "date", "dd", "diff", "dirname", "du",
    "echo", "env", "expr", "false", "find", "fold", "grep", "head", "kill", "ln", "ls", "mkdir", "mkfifo", "mktemp",
    "mv", "nohup", "od", "paste", "printf", "pwd", "readlink", "rm", "rmdir", "sed", "sleep", "sort", "split", "tail",
    "tee", "test", "touch", "tr", "true", "tty", "uniq", "wc", "xargs",
)  # fmt: skip
WRITERS = ("chmod", "cp", "dd", "ln", "mkdir", "mkfifo", "mktemp", "mv", "rm", "rmdir", "tee", "touch")
# Where the search for the real tools goes; never the caller's PATH, which may hold anything.
HOST_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"

# Patterns of sh's `case`, over "PREVIOUS WORD" and over the word alone.
REFUSED: dict[str, tuple[str, ...]] = {
    "cp": ("-t", "-T", "-u", "-b"),
    "date": ("-d*", "-s*", "+*%N*", "+*%:z*", "-f*", "-j*", "-v*"),
    "find": ("-printf", "-fprintf"),
    "grep": ("-P", "-*P", "-Po"),
    "ln": ("-T", "-t", "-r", "-b"),
    "mv": ("-t", "-T", "-u", "-b"),
    "sed": ("-i", "-z", "-s", "-ni"),
    "sleep": ("infinity",),
    "sort": ("-R", "-h"),
    "touch": ("-d*",),
    "xargs": ("-d*", "-r"),
}
REFUSED_PAIRS: dict[str, tuple[str, ...]] = {"head": ("'-n -'*", "'-c -'*")}

RECORD_END = "\x1e"
HEAD = """#!/bin/sh
: "${{LAB_TRACE:=/dev/null}}"
printf '%s\\000' {name} "$@" '{end}' >>"$LAB_TRACE"
no() {{
  why=$1
  shift
  printf '%s\\000' ! "$why" {name} "$@" '{end}' >>"$LAB_TRACE"
  printf '%s\\n' "{name}: $why" >&2
  exit 1
}}
"""
LOOP = """previous=
for word do
  case $word in
  --) break ;;
  ---*) ;;
  --?*) no "illegal option -- -" "$@" ;;
{patterns}  esac
  case "$previous $word" in
{pairs}  esac
  previous=$word
done
"""
BASIC_REGEX = """extended=
for word do case $word in -E | -[!-]*E* | -r | -F | -[!-]*F*) extended=1 ;; esac done
if [ -z "$extended" ]; then
  for word do
    case $word in *'\\+'* | *'\\?'* | *'\\|'*) no "\\+, \\? and \\| are not in basic expressions" "$@" ;; esac
  done
fi
"""
MKTEMP = """kind= template=
while [ $# -gt 0 ]; do
  case $1 in
  -d | -q | -u | -dq | -qd | -du | -ud) kind="$kind $1" ;;
  -t) template=$TMP/$2.XXXXXXXX; shift ;;
  -*) no "illegal option -- ${{1#-}}" "$@" ;;
  *XXX) template=$1 ;;
  *) no "a template ends in X's" "$@" ;;
  esac
  shift
done
exec {real} $kind "${{template:-$TMP/tmp.XXXXXXXX}}"
"""
# -r SECONDS: an epoch with BSD, a file with GNU.
DATE = """left=$#
while [ "$left" -gt 0 ]; do
  if [ "$1" = -r ]; then
    set -- "$@" -d "@$2"
    shift
    left=$((left - 1))
  else
    set -- "$@" "$1"
  fi
  shift
  left=$((left - 1))
done
"""
UNAME = """case $* in
'' | -s) echo Darwin ;;
-r) echo {darwin} ;;
-m) echo arm64 ;;
-p) echo arm ;;
-n) echo "$LAB_MAC" ;;
-a) echo "Darwin $LAB_MAC {darwin} Darwin Kernel Version {darwin} arm64" ;;
*) no "illegal option" "$@" ;;
esac
"""
HOSTNAME = """case $* in
'') echo "$LAB_MAC.local" ;;
-s) echo "$LAB_MAC" ;;
*) no "illegal option" "$@" ;;
esac
"""
# Without Command Line Tools, python3 is a stub: it asks for them (in a window), and fails (ansible/ansible 76567).
STUB = """printf '%s\\n' >&2 \
  'xcode-select: note: No developer tools were found, requesting install.' \
  'If developer tools are located at a non-default location on disk, use `sudo xcode-select \
--switch path/to/Xcode.app` to specify the Xcode that you wish to use for command line developer tools, and cancel \
the installation dialog.' \
  'See `man xcode-select` for more details.'
exit 1
"""


def build(folder: Path, release: macos.Release) -> Path:
    """Fill `folder` with the commands of a Mac of this release, and return it."""
    folder.mkdir(parents=True)
    (folder / "sh").symlink_to("/bin/sh")
    for name in LINKED:
        _write(folder / name, _wrapper(name))
    _write(folder / "uname", _head("uname") + UNAME.format(darwin=release.darwin))
    _write(folder / "hostname", _head("hostname") + HOSTNAME)
    _write(folder / "python3", _head("python3") + STUB)
    double = folder / ".double"
    _write(double, _interpreter() + (Path(__file__).parent / "double.py").read_text())
    for name in commands.names(release):
        (folder / name).symlink_to(double.name)
    return folder


def _wrapper(name: str) -> str:
    real = shutil.which(name, path=HOST_PATH)
    if real is None:
        return _head(name) + 'no "this host lacks it, so the lab does too" "$@"\n'
    lines = [_head(name)]
    patterns = [f'  {pattern}) no "illegal option: $word" "$@" ;;\n' for pattern in REFUSED.get(name, ())]
    if name in WRITERS:
        patterns.append('  "$LAB_DISK" | "$LAB_DISK"/* | /dev/*) ;;\n')
        patterns.append('  /* | of=/*) no "the lab cannot hold $word: use HOME or TMPDIR" "$@" ;;\n')
    pairs = [f'  {pair}) no "illegal count: $word" "$@" ;;\n' for pair in REFUSED_PAIRS.get(name, ())]
    if name not in ("echo", "printf", "test", "true", "false", "expr", "basename", "dirname", "kill"):
        lines.append(LOOP.format(patterns="".join(patterns), pairs="".join(pairs)))
    if name in ("sed", "grep"):
        lines.append(BASIC_REGEX)
    lines.append(_last(name, real))
    return "".join(lines)


def _last(name: str, real: str) -> str:
    if name == "mktemp":
        temp = "TMP=${TMPDIR:-$LAB_DISK/private/var/folders/$LAB_USER} TMP=${TMP%/}\n"
        return temp + MKTEMP.format(real=real)
    if name == "wc":  # BSD's counts are eight characters wide, even one alone
        sed = shutil.which("sed", path=HOST_PATH)
        return f"{real} \"$@\" | {sed} 's/^ *\\([0-9]\\)/       \\1/'\n"
    if name == "env":  # an emptied environment would lose the Mac
        marks = " ".join(
            f'{key}="${key}"'
            for key in ("PATH", "LAB_SOCKET", "LAB_MAC", "LAB_DISK", "LAB_TRACE", "LAB_USER", "LAB_SESSION", "LAB_EXEC")
        )
        return f'case $1 in -i | -) shift; exec {real} -i {marks} "$@" ;; esac\nexec {real} "$@"\n'
    if name == "date" and sys.platform != "darwin":
        return DATE + f'exec {real} "$@"\n'
    return f'exec {real} "$@"\n'


def _head(name: str) -> str:
    return HEAD.format(name=name, end=RECORD_END)


def _interpreter() -> str:
    """The first lines of a script for this very Python, started bare (-I -S)."""
    python = str(Path(getattr(sys, "_base_executable", "") or sys.executable).resolve())
    if " " in python or len(python) > 100:  # too much for a first line
        return f"#!/bin/sh\n'''exec' \"{python}\" -IS \"$0\" \"$@\"\n' '''\n"
    return f"#!{python} -IS\n"


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
