# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in a Mac's PATH for every double: it asks the lab what to do, and does it.

The lab copies this file into its folder of commands, with a first line that starts the interpreter bare (`-IS`), and
links each double's name to it. A double is started for every command, so this file imports next to nothing: the
answer is computed in the lab's own process (see calls.py), where everything is imported already.

A frame in either direction is one letter, four bytes of length, the content. From the lab: O and E write to standard
output and error, L asks for one line of standard input (after a prompt, if it has one), A for all of it, S starts a
process and waits for it, X ends with an exit code.
"""

import posix
import sys
from _socket import AF_UNIX, SOCK_STREAM
from _socket import socket as Socket

NO_LAB = 125
SIGPIPE = 13


def main() -> int:
    """Serve the lab's frames until it says X."""
    environ = posix.environ
    path = environ.get(b"LAB_SOCKET")
    if path is None:
        write(2, b"lab: this command was started with an emptied environment; the lab cannot tell whose it is\n")
        return NO_LAB
    lab = Socket(AF_UNIX, SOCK_STREAM)
    try:
        lab.connect(path)
    except OSError:
        return NO_LAB
    argv = [arg.encode("utf-8", "surrogateescape") for arg in sys.argv]
    argv[0] = argv[0].rpartition(b"/")[2]
    variables = [name + b"=" + value for name, value in environ.items()]
    send(lab, b"C", b"\0".join([posix.getcwdb(), b"%d" % posix.getpid(), b"%d" % len(argv), *argv, *variables]))
    while True:
        kind, content = receive(lab)
        if kind == b"O":
            write(1, content)
        elif kind == b"E":
            write(2, content)
        elif kind == b"L":
            send(lab, b"L", read_line(content))
        elif kind == b"A":
            send(lab, b"A", read_all())
        elif kind == b"S":
            send(lab, b"S", b"%d" % spawn(content))
        elif kind == b"X":
            return int(content)
        else:
            return NO_LAB


def send(lab: Socket, kind: bytes, content: bytes) -> None:
    """Send one frame."""
    lab.sendall(kind + len(content).to_bytes(4, "big") + content)


def receive(lab: Socket) -> tuple[bytes, bytes]:
    """Receive one frame; an empty kind means that the lab is gone."""
    head = exactly(lab, 5)
    return (head[:1], exactly(lab, int.from_bytes(head[1:], "big"))) if head else (b"", b"")


def exactly(lab: Socket, size: int) -> bytes:
    """Receive `size` bytes, or nothing."""
    content = b""
    while len(content) < size:
        more = lab.recv(size - len(content))
        if not more:
            return b""
        content += more
    return content


def write(fd: int, content: bytes) -> None:
    """Write everything; a reader that went away ends the double as SIGPIPE would."""
    while content:
        try:
            content = content[posix.write(fd, content) :]
        except BrokenPipeError:
            posix._exit(128 + SIGPIPE)


def read_line(prompt: bytes) -> bytes:
    """Read one line byte by byte, so that the rest stays for whoever reads standard input next; b'' is the end.

    With a prompt a terminal stops to echo first, and drops what was typed before: who answers the prompt is heard.
    """
    restore = None
    if prompt and posix.isatty(0):
        import termios

        restore = termios.tcgetattr(0)
        silent = termios.tcgetattr(0)
        silent[3] &= ~termios.ECHO
        termios.tcsetattr(0, termios.TCSAFLUSH, silent)
    write(2, prompt)
    line = b""
    while not line.endswith(b"\n"):
        char = posix.read(0, 1)
        if not char:
            break
        line += char
    if restore is not None:
        termios.tcsetattr(0, termios.TCSAFLUSH, restore)
    return line


def read_all() -> bytes:
    """Read standard input to its end."""
    parts = []
    while part := posix.read(0, 65536):
        parts.append(part)
    return b"".join(parts)


def spawn(content: bytes) -> int:
    """Start a process as the lab describes it, wait, and return its exit code."""
    program, count, *rest = content.split(b"\0")
    argv, variables = rest[: int(count)], rest[int(count) :]
    environment = dict(variable.split(b"=", 1) for variable in variables if variable)
    try:
        pid = posix.posix_spawn(program, argv, environment, setsigdef=[SIGPIPE])
    except OSError:
        return 127
    status = posix.waitpid(pid, 0)[1]
    return posix.waitstatus_to_exitcode(status) & 0xFF if posix.WIFEXITED(status) else 128 + posix.WTERMSIG(status)


posix._exit(main())
