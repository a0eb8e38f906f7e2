# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command form that our sh uses and that the lab's doubles take, in the order in which they run.

A form works on the files that materials.py makes, in a folder of its own, and may use what an earlier one has left
there. Nothing else on the Mac is written. What needs a person at the Mac is in GUIDED.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.forms import (
    KNOWN,
    LINES,
    READING,
    SHAPES,
    SPOKE,
    TOLD,
    Form,
)
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.shell import VERBS
from ansible_collections.vwan.user_vpn.tests.lab.commands import openssl, security

from .materials import CLIENT, IDENTIFIER, NOWHERE, ROOT, verb

_CHAIN = '"$PWD/own.keychain-db"'
_SUDO = "sudo -n true"
_REMOTE = '[ -n "${SSH_CONNECTION-}" ]'
_BARE = '! shown | grep -q "<key>ProfileIdentifier</key>"'
_SEATED = '[ -n "$console" ]'
_AS_SEATED = 'launchctl asuser "$(id -u "$console")" sudo -H -u "$console"'
_VPNUTIL = 'command -v vpnutil || [ -x "${library%Library}opt/homebrew/bin/vpnutil" ]'
_FIND_VPNUTIL = 'program=$(command -v vpnutil || echo "${library%Library}opt/homebrew/bin/vpnutil"); "$program"'
_SUBSYSTEM = "'subsystem == \"com.apple.networkextension\"'"


def _user(name: str, command: str, compare: str = LINES, where: str = "") -> Form:
    return Form(name, command, compare, where=where)


def _root(name: str, command: str, compare: str = LINES, where: str = "") -> Form:
    return Form(name, command, compare, root=True, where=where)


def _each(name: str, words: Iterator[str] | tuple[str, ...], command: str) -> Form:
    """One line for each of some options: the option, and the exit code with it. {} is where the option stands."""
    quoted = " ".join(f"'{word}'" for word in words)
    run = command.replace("{}", "$option")
    return _user(
        name, f'for option in {quoted}; do {run} > each.out 2> /dev/null; echo "$option $?"; done; rm -f each.out'
    )


# -- small tools -----------------------------------------------------------------------------------------------------

SMALL: tuple[Form, ...] = (
    _user("base64: -d", "printf 'YQ==\\n' | base64 -d"),
    _user("base64: -b", "printf abcdefghijkl | base64 -b 4"),
    _user("base64: one line", "head -c 300 /dev/zero | base64"),
    _user("base64: files", "base64 -i sample.plist -o sample.b64 && base64 -D -i sample.b64 | cmp - sample.plist"),
    _user("base64: no such file", "base64 -i no.such"),
    _user("base64: nothing valid", "printf '*' | base64 -D"),
    _user("base64: an unknown option", "printf a | base64 -w 0", SPOKE),
    _user("chown: not root", "chown root sample.plist"),
    _user("chown: no such user", "chown no.such.user sample.plist"),
    _user("chown: no such file", "chown -h root no.such"),
    _root(
        "chown: as root",
        "mkdir -p sub && : > sub/file && chown -R root:wheel sub && chown -h root sub && chown -f root sub && "
        "chown -v root sub/file; stat -f '%Su %Sg' sub/file",
    ),
    _user("defaults: no such domain", "defaults read no.such.domain", SHAPES),
    _user("defaults: no such key", "defaults read no.such.domain key", SHAPES),
    _user("defaults: an unknown verb", "defaults no-such", SPOKE),
    _user("dscl: accounts", "dscl . -list /Users | grep -x root"),
    _user("dscl: a record", "dscl . -read /Users/root UniqueID"),
    _user("dscl: no such record", "dscl . -read /Users/no.such.user UniqueID", SHAPES),
    _user("dscl: no such key", "dscl . -read /Users/root NoSuchKey"),
    _user("id: itself", '[ "$(id -u)" = "$(id -ur)" ] && id -un | grep -c . && id -g && id -gn && id -nu root'),
    _user("id: groups", "id -G | wc -w | grep -c . && id -Gn root | tr ' ' '\\n' | grep -x wheel"),
    _user("id: in words", "id | cut -d '(' -f 1", SHAPES),
    _user("id: another", "id -u root && id root | cut -d ' ' -f 1-2"),
    _user("id: no such user", "id -u no.such.user"),
    _user("id: an unknown option", "id -Z", SPOKE),
    _user("ifconfig: all", "ifconfig", KNOWN),
    _user("ifconfig: -a", "ifconfig -a", KNOWN),
    _user("ifconfig: -l", "ifconfig -l | tr ' ' '\\n' | grep -x lo0"),
    _user("ifconfig: one", "ifconfig lo0", KNOWN),
    _user("ifconfig: no such interface", "ifconfig ipsec99"),
    _user(
        "ioreg: the registry entry",
        "ioreg -rd1 -c IOPlatformExpertDevice | grep -E 'IOPlatform(UUID|SerialNumber)'",
        KNOWN,
    ),
    _user(
        "ioreg: options apart",
        "ioreg -r -d 1 -l -w 0 -k IOPlatformUUID -c IOPlatformExpertDevice | grep -c IOPlatformUUID",
    ),
    _user("launchctl: whose session", "launchctl manageruid", SPOKE),
    _user("launchctl: asuser without root", "launchctl asuser 501 true", SHAPES),
    _root("launchctl: asuser", 'launchctl asuser "$(id -u "$console")" id -u', where=_SEATED),
    _root("launchctl: no such command", 'launchctl asuser "$(id -u "$console")" no.such.command', where=_SEATED),
    _user("launchctl: an unknown verb", "launchctl no-such", SPOKE),
    _root("log: a period", f"log show --last 1m --style compact --predicate {_SUBSYSTEM} | head -n 1", SHAPES),
    _root(
        "log: from and to",
        f"log show --start '2026-01-01 00:00:00' --end '2026-01-01 00:00:01' --predicate {_SUBSYSTEM}",
        SHAPES,
    ),
    _root(
        "log: since a moment",
        f"log show --start '2199-01-01 00:00:00' --style compact --predicate {_SUBSYSTEM} | head -n 1",
        SHAPES,
    ),
    _root("log: an unknown option", "log show --no-such 1", SPOKE),
    _user("netstat: routes", "netstat -rn -f inet", KNOWN),
    _user("netstat: all routes", "netstat -r -n | head -n 4", KNOWN),
    _user("netstat: IPv6", "netstat -rn -f inet6 | head -n 1"),
    _user("open: no such file", 'open "$PWD/no.such"'),
    _user("open: -g", 'open -g "$PWD/no.such"'),
    _user("open: an unknown option", "open -Q x", SPOKE),
    _user("pgrep: found", "pgrep -x launchd"),
    _user("pgrep: none", "pgrep -x no.such.process"),
    _user("ping: no answer", f"ping -c 1 -t 1 {NOWHERE}", SHAPES),
    _user("ping: quietly", f"ping -q -n -o -c 1 -W 500 -t 1 {NOWHERE}", SHAPES),
    _user("ping: IPv6", "ping -c 1 ::1"),
    _user("plutil: -lint", "plutil -lint sample.plist"),
    _user("plutil: -lint of stdin", "plutil -lint - < sample.plist"),
    _user("plutil: -lint of something else", "plutil -lint no.plist", SPOKE),
    _user("plutil: no such file", "plutil -lint no.such"),
    _user("plutil: -p", "plutil -p sample.plist", SHAPES),
    _user("plutil: -convert xml1", "plutil -convert xml1 -o - sample.plist"),
    _user("plutil: -convert binary1", "plutil -convert binary1 -o - sample.plist | head -c 8"),
    _user("plutil: -convert json, with data in it", "plutil -convert json -o - sample.plist"),
    _user("plutil: -extract, json", "plutil -extract 'a\\.b' json -o - sample.plist"),
    _user("plutil: -extract, raw", "plutil -extract text raw -o - sample.plist"),
    _user("plutil: -extract, raw data", "plutil -extract data raw -o - sample.plist"),
    _user("plutil: -extract, a place in a list", "plutil -extract 'a\\.b.c.1' raw -o - sample.plist"),
    _user("plutil: -extract, nothing there", "plutil -extract no.such xml1 -o - sample.plist", SPOKE),
    _user("ps: no such process", "ps -ww -o args= -p 99999999"),
    _user("ps: no number", "ps -ww -o args= -p x", SPOKE),
    _user("ps: a line feed", "sh -c 'sleep 3; : \"\n\"' & sleep 0.2; ps -ww -o args= -p $!; kill $!"),
    _user("scutil: --get", "scutil --get LocalHostName", SPOKE),
    _user("scutil: the computer's name", "scutil --get ComputerName", SPOKE),
    _user("scutil: an unset name", "scutil --get HostName", LINES, "! scutil --get HostName"),
    _user("scutil: --dns", "scutil --dns | sed 's/\\(domain.* : \\).*/\\1.../'", KNOWN),
    _user("scutil: --nwi", "scutil --nwi", KNOWN),
    _user("scutil: --nc list", "scutil --nc list | head -n 1"),
    _each(
        "scutil: --nc, no such service",
        ("status", "show", "statistics", "start", "stop"),
        "scutil --nc {} no.such.service",
    ),
    _user("scutil: --nc says", "scutil --nc status no.such.service"),
    _user("scutil: on stdin", "printf 'show State:/Users/ConsoleUser\\nquit\\n' | scutil", KNOWN, _SEATED),
    _user("scutil: no such key", "printf 'show State:/no/such\\nexit\\n' | scutil"),
    _user("scutil: an unknown option", "scutil --no-such", SPOKE),
    _root("shortcuts: list", f"{_AS_SEATED} shortcuts list | grep -c .", TOLD, "command -v shortcuts && " + _SEATED),
    _root(
        "shortcuts: no such shortcut",
        f"{_AS_SEATED} shortcuts run no.such.shortcut",
        SHAPES,
        "command -v shortcuts && " + _SEATED,
    ),
    _user("stat: owner and mode", "chmod 640 sample.plist; stat -f '%Lp %Mp %Hp %Sp %z %N' sample.plist"),
    _user("stat: numbers", "stat -f '%u %Dl' sample.plist", SHAPES),
    _user("stat: times and inode", "stat -f '%m%t%i%n%%' sample.plist", SHAPES),
    _user("stat: a link", "ln -s sample.plist link && stat -f %HT link && stat -L -f %HT link"),
    _user("stat: without a line feed", "stat -n -f %z sample.plist"),
    _user("stat: no such file", "stat -f %Su no.such"),
    _user("stat: quietly", "stat -q -f %Su no.such"),
    _user("stat: an unknown option", "stat -c %U sample.plist", SPOKE),
    _user("sudo: as root", "sudo -n id -un", LINES, _SUDO),
    _user("sudo: as another", 'sudo -n -H -u root sh -c "id -un"', LINES, _SUDO),
    _user("sudo: HOME", "sudo -n -H sh -c 'echo \"${HOME##*/}\"'", LINES, _SUDO),
    _user("sudo: HOME is kept", 'sudo -n sh -c \'[ "$HOME" = "$1" ] && echo kept\' sh "$HOME"', LINES, _SUDO),
    _user("sudo: the environment", "OURS=1 sudo -n -E sh -c 'echo \"${OURS-}\"'", LINES, _SUDO),
    _user("sudo: a variable", "sudo -n OURS=1 sh -c 'echo \"${OURS-}\"'", LINES, _SUDO),
    _user(
        "sudo: long options", "sudo --non-interactive --set-home --preserve-env --reset-timestamp true", LINES, _SUDO
    ),
    _user("sudo: reads on", "echo on | sudo -S -n -k -p '' cat", LINES, _SUDO),
    _user("sudo: reads on, long", "echo on | sudo --stdin --non-interactive cat", LINES, _SUDO),
    _user("sudo: no such user", "sudo -n -u no.such.user true", SPOKE, _SUDO),
    _user("sudo: no such command", "sudo -n no.such.command", LINES, _SUDO),
    _user("sudo: a password is required", "sudo -n -k true", LINES, f"! {_SUDO}"),
    _user("sudo: an unknown option", "sudo -n --no-such true", SPOKE),
    _each("sw_vers: options", ("-productName", "-productVersion", "-buildVersion"), "sw_vers {}"),
    _each("sw_vers: with two dashes", ("--productName", "--productVersion", "--buildVersion"), "sw_vers {}"),
    _user("sw_vers: the version", "sw_vers -productVersion", SHAPES),
    _each("system_profiler: forms", ("-json", "-xml"), "system_profiler {} SPHardwareDataType"),
    _user("system_profiler: hardware", "system_profiler SPHardwareDataType", KNOWN),
    _user(
        "system_profiler: profiles", "system_profiler -json SPConfigurationProfileDataType | head -n 2", SHAPES, _BARE
    ),
    _user("uuidgen", "uuidgen", SHAPES),
    _user("uuidgen: an unknown option", "uuidgen -Z", SPOKE),
    _user("whoami", '[ "$(whoami)" = "$(id -un)" ]'),
    _user("xcode-select: no tools", "xcode-select -p", LINES, "! xcode-select -p"),
    _user("xcode-select: the long option", "xcode-select --print-path", LINES, "! xcode-select -p"),
    _user("python3: the stub", "python3 -c ''", LINES, "! xcode-select -p"),
    _user("vpnutil: list", f"{_FIND_VPNUTIL} list | grep -c name", TOLD, _VPNUTIL),
    _each("vpnutil: no such VPN", ("status", "start", "stop"), f"{_FIND_VPNUTIL} {{}} no.such.vpn"),
    _user("vpnutil: an unknown verb", f"{_FIND_VPNUTIL} no-such", SPOKE, _VPNUTIL),
)

# -- what our sh does with sh, awk, sed and the rest -------------------------------------------------------------------

DIALECTS: tuple[Form, ...] = (
    _user(
        "sh: a trap at the end", 'sh -c \'trap "echo gone" EXIT; trap "exit 129" HUP; kill -HUP $$; sleep 5\'; echo $?'
    ),
    _user(
        "sh: a trap goes with its subshell",
        'sh -c \'trap "echo outer" EXIT; (trap "echo inner" EXIT; exit 3); echo $?\'',
    ),
    _user(
        "sh: eval of an argument",
        'sh -c \'for word; do eval "${word%%=*}=\\${word#*=}"; done; printf %s "$a"\' sh \'a=b="c" $(d)\'',
    ),
    _user("sh: the last line feed", 'sh -c \'x=$(printf "a\\n\\n"); printf %s "$x" | wc -c | tr -d " "\''),
    _user("sh: arithmetic over wc", 'echo "$(($(printf abc | wc -c)))"'),
    _user(
        "sh: read without an end", "printf 'a b\\nc' | { read -r one; read -r two || echo end; echo \"$one,$two\"; }"
    ),
    _user("sh: umask and redirection", "(umask 077 && : > private) && stat -f %Lp private"),
    _user("sh: a closed descriptor", "sh -c 'exec 3<&0 < /dev/null; head -c 2 <&3' < no.plist"),
    _user("sh: nohup by trap", "sh -c \"trap '' HUP; kill -HUP \\$\\$; echo lives\""),
    _user("wc: as wide as ever", "printf 'a\\n' | wc -l; printf ab | wc -c; printf 'a b' | wc -w; wc -c < no.plist"),
    _user(
        "head, tail", "printf 'a\\nb\\nc\\n' | head -n 2; printf 'a\\nb\\nc\\n' | tail -n 1; printf abcdef | tail -c 2"
    ),
    _user(
        "mktemp: -d -t",
        'made=$(mktemp -d -t ours) && basename "$made" | cut -c 1-5; stat -f %Lp "$made"; rmdir "$made"',
    ),
    _user("mktemp: a template", 'made=$(mktemp "$PWD/ours.XXXXXXXX") && basename "$made" | cut -c 1-5; rm "$made"'),
    _user("date", "date '+%Y-%m-%d %H:%M:%S' | tr 0-9 0; date +%s | tr 0-9 0 | cut -c 1-8; TZ=UTC date -r 0 '+%Y %j'"),
    _user("od", "printf 'a\\0b' | od -An -v -tx1"),
    _user(
        "sort, uniq, cut, tr",
        "printf 'b\\na\\nb\\n' | sort | uniq -c; echo a,b | cut -d , -f 2; echo abc | cut -c 1-2; echo ab | tr ab ba",
    ),
    _user(
        "grep",
        "printf 'a.c\\nabc\\n' | grep -Fqx -- a.c && printf 'x\\n' | grep -c y; printf 'ab\\n' | grep -E '^(a|b)'; "
        "printf 'a\\nb\\nc\\n' | grep -v b; printf 'a\\nb\\n' | grep -A 5 '^a'; printf 'A\\n' | grep -i '^a'; "
        "grep -Fq a no.such 2> /dev/null; echo $?",
    ),
    _user(
        "sed",
        "printf 'a=1\\nb=2\\n' | sed -n -e 's/a=\\(.*\\)/\\1/p' -e 's/b=/&&/p'; printf 'a\\nend\\nb\\n' | sed "
        "'/^end$/q'; "
        "printf 'a\\nb\\n' | sed -n '/a/{n;s/b/c/p;}'; printf a | sed 's/^/| /'",
    ),
    _user(
        "awk",
        "printf 'Domain=a Code=-7\\n' | OURS=a awk 'match($0, /Code=-?[0-9]+/) { print substr($0, RSTART, RLENGTH) } "
        'ENVIRON["OURS"] == "a" && index($0, "a") '
        '{ gsub(/[ \\t]+/, "_"); print; split("", field); print length(field[1]) } '
        "END { print NR }'",
    ),
    _user("awk: a regular expression with a bracket", "printf '<?xml\\n' | awk '/^<[?]xml/ { print \"profile\" }'"),
    _user(
        "files",
        "mkdir -p ./d/e && printf x > d/e/f && mv -f d/e/f d/f && rmdir d/e && ls -a d && find d -type f && rm -rf d; "
        "[ -e d ] || echo gone",
    ),
    _user("kill", "sleep 5 & kill -0 $! && echo lives; kill $!; wait $! 2> /dev/null; echo $?"),
)

# -- openssl -----------------------------------------------------------------------------------------------------------

_REQUEST = "openssl req -new -key client.key -subj /CN=x -config req.cnf"
_EXPORT = "openssl pkcs12 -export -inkey client.key -in client.pem -passout pass:x"
_VALUES = {
    "-CApath": ".", "-CAfile": "root.pem", "-CSP": "x", "-addext": "basicConstraints=CA:FALSE", "-caname": "x",
    "-certfile": "root.pem", "-certpbe": "PBE-SHA1-3DES", "-config": "req.cnf", "-days": "1", "-extensions": "v3",
    "-in": "client.pem", "-inform": "PEM", "-inkey": "client.key", "-key": "client.key", "-keyform": "PEM",
    "-keyout": "new.key", "-keypbe": "PBE-SHA1-3DES", "-macalg": "sha1", "-name": "x", "-nameopt": "utf8",
    "-newkey": "rsa:2048", "-out": "new.out", "-outform": "DER", "-passin": "pass:x", "-passout": "pass:xxxx",
    "-password": "pass:x", "-pkeyopt": "rsa_keygen_bits:2048", "-reqexts": "v3", "-reqopt": "no_header",
    "-set_serial": "1", "-subj": "/CN=y",
}  # fmt: skip


def _options(name: str) -> tuple[str, ...]:
    return (*openssl.FLAGS[name], *(f"{word} {_VALUES[word]}" for word in openssl.VALUES[name]))


OPENSSL: tuple[Form, ...] = (
    _each("openssl: options of genrsa", _options("genrsa"), "openssl genrsa -passout pass:xxxx {} 1024"),
    _each("openssl: options of rand", _options("rand"), "openssl rand {} 8"),
    _each("openssl: options of req", _options("req"), f"{_REQUEST} -nodes {{}}"),
    _each("openssl: options of pkcs12", _options("pkcs12"), f"{_EXPORT} {{}}"),
    _user("openssl: what OpenSSL 3 alone knows", f"{_EXPORT} -legacy > /dev/null", SPOKE),
    _user("openssl: an unknown command", "openssl no-such", SPOKE),
    _user(
        "openssl: a key",
        "(umask 077 && openssl genrsa -out made.key 2048 2> /dev/null); head -n 1 made.key; stat -f %Lp made.key",
    ),
    _user("openssl: a key without a umask", "openssl genrsa -out open.key 2048 2> /dev/null; stat -f %Lp open.key"),
    _user(
        "openssl: a request, its configuration on stdin",
        "printf '%s\\n' '[req]' 'distinguished_name = name' '[name]' 'commonName = Common Name' | "
        "openssl req -new -sha256 -key client.key -subj /CN=vwan.user_vpn -config /dev/stdin | sed -n '1p;$p'",
    ),
    _user(
        "openssl: an identity, its password on stdin",
        "printf '%s\\n' secret | openssl pkcs12 -export -inkey client.key -in client.pem -name x -keypbe PBE-SHA1-3DES "
        "-certpbe PBE-SHA1-3DES -macalg sha1 -passout stdin > made.p12; echo $?; head -c 2 made.p12 | od -An -tx1 -v",
    ),
    _user("openssl: random digits", "openssl rand -hex 20 | tr 0-9a-f 0"),
    _user("openssl: no such key", "openssl req -new -key no.such -subj /CN=x -config req.cnf", SPOKE),
)

# -- keychains ---------------------------------------------------------------------------------------------------------

SECURITY: tuple[Form, ...] = (
    _user("security: a keychain of its own", f'security create-keychain -p "$keychain_password" {_CHAIN}'),
    _user("security: that keychain once more", f"security create-keychain -p x {_CHAIN}"),
    _user("security: the default keychain", "security default-keychain", TOLD),
    _each("security: default keychains", ("user", "system", "common", "dynamic"), "security default-keychain -d {}"),
    _each("security: search lists", ("user", "system", "common", "dynamic"), "security list-keychains -d {}"),
    _user("security: the search list", "security list-keychains", TOLD),
    _user("security: unlock", f'security unlock-keychain -p "$keychain_password" {_CHAIN}'),
    _user("security: unlock, a wrong password", f"security unlock-keychain -p wrong {_CHAIN}"),
    _user("security: import a certificate", f"security import root.cer -k {_CHAIN}"),
    _user("security: import a certificate twice", f"security import root.cer -k {_CHAIN}"),
    _user("security: import something else", f"security import no.plist -k {_CHAIN}"),
    _user("security: import no file", f"security import no.such -k {_CHAIN}"),
    _user("security: import with a wrong password", f"security import client.p12 -k {_CHAIN} -P wrong"),
    _user(
        "security: import without a password",
        f"security import client.p12 -k {_CHAIN}",
        LINES,
        _REMOTE,
    ),
    _user(
        "security: import an identity",
        f'security import client.p12 -k {_CHAIN} -P "$password" -x -T /usr/libexec/nehelper',
    ),
    _user("security: import an identity twice", f'security import client.p12 -k {_CHAIN} -P "$password"'),
    _user(
        "security: import an identity twice, -f pkcs12",
        f'security import client.p12 -k {_CHAIN} -P "$password" -f pkcs12',
    ),
    _user("security: find-identity", f"security find-identity -p ipsec {_CHAIN}"),
    _user("security: find-identity -v", f"security find-identity -v -p ipsec {_CHAIN}"),
    _user("security: find-identity -s", f"security find-identity -s conformance.example {_CHAIN}", SPOKE),
    _each("security: policies", tuple(security.POLICIES), f"security find-identity -p {{}} {_CHAIN}"),
    _user("security: an unknown policy", f"security find-identity -p no.such {_CHAIN}", SPOKE),
    _user(
        "security: find-certificate -a -Z",
        f"security find-certificate -a -Z {_CHAIN} | cut -c 1-12 | grep ^SHA- | sort",
    ),
    _user("security: find-certificate in whole", f"security find-certificate -c conformance {_CHAIN}", SHAPES),
    _user("security: find-certificate -p", f"security find-certificate -a -c '{ROOT.upper()}' -p {_CHAIN}"),
    _user("security: find-certificate -m", f"security find-certificate -m -e conformance@example.com -p {_CHAIN}"),
    _user("security: find nothing", f"security find-certificate -c no.such {_CHAIN}"),
    _user("security: find all of nothing", f"security find-certificate -a -c no.such {_CHAIN}"),
    _user("security: no such keychain", "security find-certificate -a no.such.keychain"),
    _user(
        "security: set-key-partition-list",
        f'security set-key-partition-list -S apple-tool:,apple: -s -l "{CLIENT}" -k "$keychain_password" {_CHAIN}',
        SPOKE,
    ),
    _user(
        "security: set-key-partition-list, a wrong password",
        f"security set-key-partition-list -S apple-tool:,apple: -s -k wrong {_CHAIN}",
    ),
    _user("security: verify-cert, nobody trusts it", "security verify-cert -c client.cer -p IPSec -L -l", SHAPES),
    _user("security: verify-cert, a self-signed root", "security verify-cert -q -L -l -p basic -c root.cer"),
    _user("security: verify-cert, under a given root", "security verify-cert -c client.cer -r root.cer -p basic -L -C"),
    _user(
        "security: verify-cert, by name",
        "security verify-cert -c client.cer -r root.cer -p IPSec -n conformance.example -L",
    ),
    _user(
        "security: verify-cert, another name",
        "security verify-cert -c client.cer -r root.cer -p IPSec -n other.example -L -q",
    ),
    # Over ssh nobody can be asked, so nothing is trusted; would it be, it is not for long.
    _user(
        "security: trust is refused",
        f"security add-trusted-cert -r trustRoot -p basic -k {_CHAIN} root.cer && security remove-trusted-cert "
        f"root.cer",
        LINES,
        _REMOTE,
    ),
    _user(
        "security: trust is refused, for all",
        f"security add-trusted-cert -d -r trustRoot -k {_CHAIN} root.cer && security remove-trusted-cert -d root.cer",
        LINES,
        _REMOTE,
    ),
    _user("security: trust settings of Apple", "security dump-trust-settings -s", SPOKE),
    _user(
        "security: trust settings of a user", "security dump-trust-settings", SHAPES, "! security dump-trust-settings"
    ),
    _user("security: cms -D", "security cms -D -i signed.mobileconfig | cmp - plain.mobileconfig"),
    _user(
        "security: cms -D -o", "security cms -D -i signed.mobileconfig -o plain.out; cmp plain.out plain.mobileconfig"
    ),
    _user("security: cms -D of stdin", "security cms -D < signed.mobileconfig | cmp - plain.mobileconfig"),
    _user("security: cms of something else", "security cms -D -i no.plist"),
    _user("security: commands on stdin", f"printf 'find-certificate -c no.such %s\\n' '{_CHAIN}' | security -i"),
    _user(
        "security: commands on stdin, quoted",
        f'printf \'find-certificate -Z -c "%s" "%s"\\n\' \'{ROOT}\' "$PWD/own.keychain-db" | security -i | grep ^SHA-',
    ),
    _user(
        "security: commands on stdin, quietly",
        "printf 'find-certificate -c no.such\\n' | security -q -i; security -q -v -l no-such",
        SPOKE,
    ),
    _user("security: a prompt", "printf 'list-keychains\\n' | security -p 'ours> ' > /dev/null", SPOKE),
    _user("security: -h", "security -h", SPOKE),
    _user("security: an unknown command", "security no-such"),
    _user("security: an unknown option", "security find-certificate --no-such", SPOKE),
    _user("security: delete a certificate", f'security delete-certificate -c "{ROOT}" {_CHAIN}'),
    _user("security: delete it twice", f'security delete-certificate -c "{ROOT}" {_CHAIN}'),
    _user(
        "security: delete an identity",
        f"hash=$(security find-identity -p ipsec {_CHAIN} | sed -n 's/^ *1) \\([0-9A-F]*\\) .*/\\1/p' | head -n 1); "
        f'security delete-identity -Z "$hash" {_CHAIN}',
    ),
    _user("security: import PBES2", f'security import pbes2.p12 -k {_CHAIN} -P "$password"'),
    _user("security: import PBES2, -f pkcs12", f'security import pbes2.p12 -k {_CHAIN} -P "$password" -f pkcs12 -A'),
    _user("security: no identity is left", f"security find-identity -p ipsec {_CHAIN}", SHAPES),
    _user(
        "security: delete an identity by name, with its trust",
        f'security delete-identity -t -c "{CLIENT}" {_CHAIN}',
        SPOKE,
    ),
    _user("security: delete a certificate by its hash", f"security delete-certificate -Z {'0' * 40} {_CHAIN}"),
    _user("security: delete a certificate that is not there", f"security delete-certificate -t -Z {'0' * 40} {_CHAIN}"),
    _each(
        "security: import as",
        ("-f x509", "-t cert", "-t pub", "-w"),
        f"security import root.cer -k {_CHAIN} {{}}",
    ),
    _user("security: delete the keychain", f"security delete-keychain {_CHAIN}"),
    _user("security: delete no keychain", 'security delete-keychain "$PWD/no.such.keychain-db"'),
    _root(
        "security: the System keychain",
        "security find-certificate -a -Z /Library/Keychains/System.keychain | cut -c 1-13",
        KNOWN,
    ),
    _user(
        "security: roots are not written",
        "security import root.cer -k /System/Library/Keychains/SystemRootCertificates.keychain",
    ),
    _root(
        "security: a right is protected",
        "security authorizationdb write com.apple.trust-settings.admin allow",
        LINES,
        '[ "$(sw_vers -productVersion | cut -d . -f 1)" -ge 15 ]',
    ),
)

# -- profiles ----------------------------------------------------------------------------------------------------------

PROFILES: tuple[Form, ...] = (
    _root("profiles: nothing installed", "profiles show -type configuration -output stdout-xml", LINES, _BARE),
    _root("profiles: nothing installed, in words", "profiles show", LINES, _BARE),
    _root("profiles: nothing listed", "profiles list -type configuration -verbose", LINES, _BARE),
    _root(
        "profiles: nothing for a user", 'profiles show -user "$console" -cached -quiet', SHAPES, f"{_SEATED} && {_BARE}"
    ),
    _root("profiles: nothing at all", "profiles list -all", LINES, f"{_BARE} && ! profiles list -all | grep attribute"),
    _root("profiles: to a file", 'profiles show -output "$PWD/profiles"; rm -f profiles.plist; echo $?', LINES),
    _user("profiles: of all, without root", "profiles list -all"),
    _user("profiles: no such user", "profiles show -user no.such.user", SHAPES),
    _root("profiles: remove what is not there", "profiles remove -identifier no.such.identifier"),
    _root(
        "profiles: remove what is not there, for a user",
        'profiles remove -type configuration -user "$console" -identifier no.such.identifier -forced',
        SHAPES,
        _SEATED,
    ),
    _user("profiles: remove without root", "profiles remove -identifier no.such.identifier", SPOKE),
    _user("profiles: install", "profiles install -path plain.mobileconfig"),
    _user("profiles: an unknown verb", "profiles no-such", SPOKE),
    _user("profiles: an unknown option", "profiles show -no-such", SPOKE),
)


# -- our own scripts ---------------------------------------------------------------------------------------------------

# Tools that say what is recorded; `open` and the console are nobody's.
_RECORDED = (
    'mkdir -p "$PWD/there" && for tool in profiles security ioreg sw_vers ifconfig log; do '
    'printf \'#!/bin/sh\\ncase $* in *find-identity*) cat "%s/identities.txt" ;; *enrollment*) cat "%s/status.txt" ;; '
    '*-a?-c*) ;; *) cat "%s/%s.txt" ;; esac\\n\' '
    '"$PWD" "$PWD" "$PWD" "$tool" > "there/$tool"; done; '
    "printf '#!/bin/sh\\n' > there/open; printf '#!/bin/sh\\nid -un\\n' > there/stat; chmod 755 there/*; ls there"
)
_WITH = 'export PATH="$PWD/there:$PATH" HOME="$PWD/there/home"; mkdir -p "$HOME"; '
_OURS = {"identifier": IDENTIFIER, "scope": "System"}
_LEFT = "grep -v -E '^(path|user|uid|console_user)='"
_ANSWERED = "grep -E '^(stage|message|tunnel|disconnect|waiting|trusted|key|csr|end)'"


def _scripts() -> Iterator[Form]:
    for name in VERBS:
        yield _user(f"our sh: {name} is read", f"/bin/sh -n {name}.sh && echo read")
    yield _user("our sh: recorded tools", _RECORDED)
    yield _user("our sh: know", f"{_WITH}{verb('know', **_OURS, check=1, uuid='')} | {_LEFT}")
    yield _user(
        "our sh: connect",
        f"{_WITH}{verb('connect', **_OURS, how='on_demand', name='', limit=0, others=NOWHERE, probe='', vpn='')} "
        f"| {_ANSWERED}",
    )
    yield _user(
        "our sh: disconnect",
        f"{_WITH}{verb('disconnect', **_OURS, how='on_demand', name='', limit=0, others='', probe='')} | {_ANSWERED}",
    )
    yield _user(
        "our sh: make_key",
        f"{_WITH}{verb('make_key', **_OURS, bits=2048)} | {_ANSWERED} | sed 's/^csr=[A-Za-z0-9+\\/=]*$/csr=.../' "
        f"| uniq",
    )
    yield _user("our sh: csr", f"{_WITH}{verb('csr', **_OURS)} | sed -n 's/^csr=-/-/p'")
    yield _user("our sh: drop_key", f"{_WITH}{verb('drop_key', **_OURS)} | {_ANSWERED}; ls there/home/Library/*")
    key = f'"$HOME/Library/Application Support/vwan.user_vpn/{IDENTIFIER}.key"'
    staging = verb("stage", "coming", **_OURS, uuid="none", pane="none", settle=1, token="TOKEN", name="ours")
    yield _user(
        "our sh: stage, with an identity made here",
        f'{_WITH}mkdir -p "$HOME/Library/Application Support/vwan.user_vpn" && cp client.key {key}; '
        "{ cat client.pem; printf '%s\\n' '<?xml?>' '<data>' TOKEN '</data>' '<string>TOKEN</string>'; } > coming; "
        f"{staging} | {_ANSWERED}; "
        f'tr 0-9a-f 0 < "$HOME/Library/Caches/vwan.user_vpn/m/{IDENTIFIER}.mobileconfig" | cut -c 1-20; sleep 2; '
        'find "$HOME/Library/Caches" -type f; rm -rf coming there/home',
        SHAPES,
    )
    yield _user(
        "our sh: look",
        f"{_WITH}openssl_root=$(base64 < root.cer); printf '%s\\n' \"$openssl_root\" > root.b64; "
        f"{verb('look', 'root.b64', **_OURS, check=1, name='')} | {_ANSWERED}",
    )
    yield _user(
        "our sh: what lives",
        "/bin/sh -c 'sleep 3; :' mac mark=living & echo $! > number; sleep 0.2; "
        "case $(ps -ww -o args= -p \"$(cat number)\" 2> /dev/null) in *' mark=living'*) echo lives ;; esac; kill "
        '"$(cat number)"',
    )
    yield _user("our sh: linger", f"{verb('linger', seconds=1)} | sed 's/^left=[0-9]*$/left=.../'")


OURS: tuple[Form, ...] = tuple(_scripts())

# -- what needs a person -----------------------------------------------------------------------------------------------

_INSTALLED = f'shown | grep -q "<string>{IDENTIFIER}</string>"'
_OFFERED = (
    "pane=x-apple.systempreferences:com.apple.Profiles-Settings.extension; "
    '[ "$(sw_vers -productVersion | cut -d . -f 1)" -ge 13 ] || '
    "pane=/System/Library/PreferencePanes/Profiles.prefPane; "
)


def _person(name: str, ask: str, command: str, compare: str = LINES, where: str = "") -> Form:
    return Form(name, command, compare, root=True, where=where, ask=ask)


GUIDED: tuple[Form, ...] = (
    _person(
        "guided: a profile is offered",
        "A profile named vwan.user_vpn.conformance is offered at the screen now. Its VPN leads nowhere.",
        # From HOME, for what goes on in the background must not stand in a folder that goes.
        f'{_OFFERED}here=$PWD; cd && /bin/sh -c "$(cat "$here/stage.sh")" mac mark=m '
        'length="$(($(wc -c < "$here/plain.mobileconfig")))" '
        f'identifier={IDENTIFIER} scope=System uuid=none pane="$pane" settle="${{person_settle:-5}}" token= name= '
        '< "$here/plain.mobileconfig" | grep -E "^(stage|message)="',
        where=_SEATED,
    ),
    _person(
        "guided: the profile is approved",
        "Please install it: System Settings > General > Device Management (up to 14: Privacy & Security > "
        "Profiles; up to "
        "12: System Preferences > Profiles). There are five minutes.",
        f'waited=0; until {_INSTALLED}; do [ "$waited" -lt "${{person_patience:-280}}" ] || exit 1; sleep 1; '
        f"waited=$((waited + 1)); done",
        where=_SEATED,
    ),
    _person(
        "guided: the staged file is gone",
        "Nothing is to be done for the next answers.",
        'sleep "${person_pause:-7}"; find "$users" "${library%Library}var/root" -path "*Caches/vwan.user_vpn*" '
        "2> /dev/null",
        where=_SEATED,
    ),
    _person(
        "guided: keys of the profile",
        "",
        "shown | sed -n 's/.*<key>\\(.*\\)<\\/key>.*/\\1/p' | sort -u",
        KNOWN,
        _INSTALLED,
    ),
    _person(
        "guided: types in the plist", "", "shown | sed -n 's/^[ \t]*\\(<[a-z]*\\).*/\\1/p' | sort -u", KNOWN, _INSTALLED
    ),
    _person(
        "guided: our answer",
        "",
        f"{verb('know', **_OURS, check=1, uuid='')} | grep -E '^(profile|stage|message)='",
        SHAPES,
        _INSTALLED,
    ),
    _person(
        "guided: the profile is listed",
        "",
        f"profiles list | grep -c 'attribute: profileIdentifier: {IDENTIFIER}$'",
        LINES,
        _INSTALLED,
    ),
    _person(
        "guided: its identity",
        "",
        f"security find-identity -p ipsec /Library/Keychains/System.keychain | grep -F '\"{CLIENT}\"' | head -n 1",
        LINES,
        _INSTALLED,
    ),
    _person("guided: its root is trusted", "", "security verify-cert -q -L -l -p basic -c root.cer", LINES, _INSTALLED),
    _person(
        "guided: its root in the trust settings",
        "",
        f"security dump-trust-settings -d | grep -c '{ROOT}'",
        LINES,
        _INSTALLED,
    ),
    _person(
        "guided: its root in the keychain",
        "",
        f"security find-certificate -a -c '{ROOT}' -Z /Library/Keychains/System.keychain | grep ^SHA-",
        LINES,
        _INSTALLED,
    ),
    _person(
        "guided: macOS has stored its VPN",
        "",
        f'grep -Fq {IDENTIFIER} "$stored" && echo named || echo "not named"',
        TOLD,
        _INSTALLED,
    ),
    _person("guided: scutil does not see its VPN", "", "scutil --nc list | grep -c conformance", LINES, _INSTALLED),
    _person(
        "guided: vpnutil starts and stops it",
        "",
        f"{_FIND_VPNUTIL} list > /dev/null 2>&1; echo $?; for verb in status start stop; do "
        '"$program" "$verb" "vwan.user_vpn conformance" > /dev/null 2>&1; echo "$verb $?"; done',
        LINES,
        f"{_INSTALLED} && {{ {_VPNUTIL}; }}",
    ),
    _person(
        "guided: a connection fails",
        "Please switch the VPN 'vwan.user_vpn conformance' on (System Settings > VPN), wait until it gives up, "
        "and leave it off. "
        "There is a minute and a half.",
        'sleep "${person_seconds:-90}"; log show --last 3m --style compact --predicate '
        + _SUBSYSTEM
        + " | grep -c -e 'Code=' -e 'last stop reason'",
        TOLD,
        _INSTALLED,
    ),
    _person(
        "guided: words of the failure",
        "Nothing is to be done for the next answers.",
        f"log show --last 5m --style compact --predicate {_SUBSYSTEM} | grep -o -e 'Domain=[A-Za-z]* "
        f"Code=-*[0-9]*' -e 'last stop reason.*' | sort | uniq -c",
        TOLD,
        _INSTALLED,
    ),
    _person(
        "guided: a ping is traffic",
        "",
        f"ping -c 1 -t 1 {NOWHERE} > /dev/null; ifconfig | grep -c '^ipsec'",
        TOLD,
        _INSTALLED,
    ),
    _person(
        "guided: remove it",
        "",
        f"profiles remove -identifier {IDENTIFIER} -forced",
        LINES,
        _INSTALLED,
    ),
    _person(
        "guided: it is gone",
        "",
        f"{_INSTALLED}; echo $?; security find-certificate -c '{ROOT}' /Library/Keychains/System.keychain",
        LINES,
    ),
)

FORMS: tuple[Form, ...] = (*READING, *SMALL, *DIALECTS, *OPENSSL, *SECURITY, *PROFILES, *OURS, *GUIDED)
