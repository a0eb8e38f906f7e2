# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""openssl, LibreSSL's: version, genrsa, req -new, rand and pkcs12 -export, done by the host's OpenSSL.

Source: openssl(1) of OpenBSD (LibreSSL's manual, man.openbsd.org/openssl.1), for the options of each sub-command; what
OpenSSL 3 alone knows (-legacy, -noenc, -traditional, -quiet, ...) is refused. From LibreSSL's source (apps/openssl):
genrsa writes PKCS#1 and, like every other command, makes its file by the umask; pkcs12 without options encrypts keys
with 3DES and certificates with RC2-40, with a SHA-1 MAC; `req` needs a section distinguished_name in its config.
Versions: strings in public logs of the releases.
"""

from __future__ import annotations

import functools
import shutil
import subprocess

from ..calls import Call

CIPHERS = ("-aes128", "-aes192", "-aes256", "-camellia128", "-camellia192", "-camellia256", "-des", "-des3", "-idea")
DIGESTS = ("-md5", "-sha1", "-sha224", "-sha256", "-sha384", "-sha512")
# Of each sub-command: the flags, and the options that have a value.
FLAGS = {
    "genrsa": ("-3", "-f4", *CIPHERS),
    "req": (
        "-batch", "-new", "-nodes", "-noout", "-subject", "-text", "-utf8", "-verify", "-x509", "-pubkey",
        *DIGESTS,
    ),
    "rand": ("-base64", "-hex"),
    "pkcs12": (
        "-cacerts", "-chain", "-clcerts", "-descert", "-export", "-info", "-keyex", "-keysig", "-nocerts", "-nodes",
        "-noiter", "-nokeys", "-nomac", "-nomaciter", "-nomacver", "-noout", "-twopass", "-LMK", *CIPHERS,
    ),
}  # fmt: skip
VALUES = {
    "genrsa": ("-out", "-passout"),
    "req": (
        "-addext", "-config", "-days", "-extensions", "-in", "-inform", "-key", "-keyform", "-keyout", "-nameopt",
        "-newkey", "-out", "-outform", "-passin", "-passout", "-pkeyopt", "-reqexts", "-reqopt", "-set_serial", "-subj",
    ),
    "rand": ("-out",),
    "pkcs12": (
        "-CAfile", "-CApath", "-CSP", "-caname", "-certfile", "-certpbe", "-in", "-inkey", "-keypbe", "-macalg",
        "-name", "-out", "-passin", "-passout", "-password",
    ),
}  # fmt: skip
OPERANDS = {"genrsa": 1, "rand": 1, "req": 0, "pkcs12": 0}
READ = ("-in", "-inkey", "-key", "-config", "-certfile", "-CAfile")
OPEN = ("/dev/stdin", "/dev/fd/")
DEFAULTS = {"-keypbe": "PBE-SHA1-3DES", "-certpbe": "PBE-SHA1-RC2-40", "-macalg": "sha1"}
HOST_PATH = "/usr/bin:/bin:/usr/local/bin"


@functools.cache
def host() -> str:
    """The host's OpenSSL 3; empty when it has none."""
    found = shutil.which("openssl", path=HOST_PATH) or ""
    version = subprocess.run([found, "version"], capture_output=True, check=False).stdout if found else b""
    return found if version.startswith(b"OpenSSL 3") else ""


async def run(call: Call) -> int:
    if call.args == ["version"]:
        call.out(f"LibreSSL {call.mac.release.libressl}\n")
        return 0
    verb, *rest = call.args or [""]
    if verb not in FLAGS or not host():
        known = ", ".join(["version", *FLAGS]) + ("" if host() else "; and this host has no OpenSSL 3 to do the work")
        return call.refuse(f"the lab knows {known}", f"openssl:Error: '{verb}' is an invalid command.\n")
    try:
        options, operands = _parse(verb, rest)
    except ValueError as error:
        return call.refuse(str(error), f"openssl: {error}\nusage: {verb} ...\n")
    for name in READ:
        given = options.get(name)
        if given and not given.startswith(OPEN):
            path = call.path(given)
            if not call.mac.readable_by(path, call.user):
                call.err(f"Can't open {given} for reading, No such file or directory\n")
                return 1
            options[name] = str(path)
    return await _work(call, verb, options, operands)


def _parse(verb: str, words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Options (a flag has an empty value) and operands; ValueError for what LibreSSL does not take."""
    options: dict[str, str] = {}
    rest = list(words)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word in FLAGS[verb]:
            options[word] = ""
        elif word in VALUES[verb] and rest:
            options[word] = rest.pop(0)
        else:
            raise ValueError(f"unknown option {word}")
    if {"req": "-new", "pkcs12": "-export"}.get(verb, "") not in ("", *options):
        raise ValueError("the lab knows req -new and pkcs12 -export")
    if len(rest) > OPERANDS[verb] or not all(word.isdecimal() for word in rest):
        raise ValueError(f"unknown operand {' '.join(rest)}")
    if options.get("-passin") == options.get("-passout") == "stdin":
        raise ValueError("stdin serves one password here")
    return options, rest


async def _work(call: Call, verb: str, options: dict[str, str], operands: list[str]) -> int:
    """Let the host's OpenSSL do it, as LibreSSL would."""
    out = options.pop("-out", "")
    extra = ["-traditional"] if verb == "genrsa" else []
    if verb == "pkcs12":
        options = DEFAULTS | ({"-certpbe": "PBE-SHA1-3DES"} if "-descert" in options else {}) | options
        extra = ["-legacy"]
    words = [word for name, value in options.items() for word in ([name, value] if name in VALUES[verb] else [name])]
    argv = [host(), verb, *extra, *words, *operands]
    environment = {name: value for name, value in call.env.items() if not name.startswith("OPENSSL")}
    if out:  # the shell makes the file by the umask, where OpenSSL 3 would make a key's file private by itself
        path = call.path(out)
        if not path.parent.is_dir():
            call.err(f"Can't open {out} for writing, No such file or directory\n")
            return 1
        argv = ["/bin/sh", "-c", 'exec "$@" > "$OUT"', "sh", *argv]
        environment["OUT"] = str(path)
    code = await call.spawn_on_host(argv, environment)
    call.mac.attribute_files(call.user.name)
    return code
