# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""security: keychains, identities, trust.

Sources: man security; apple-oss-distributions/Security, SecurityTool/macOS (security.c for options, usage and `-i`,
keychain_find, keychain_import, trusted_cert_add, verify_cert, identity_find); authd for who may change trust
(authorization.plist of tag 59754 for macOS 11, TrustSettings.cpp from 60157, server.m of 61439 for 15);
actions/runner-images 4734 and 12438 for the way round it up to 14. For keychains of one's own: keychain_create.c,
keychain_delete.c, keychain_list.c; as GitHub documents them, "Installing an Apple certificate on macOS runners". Usage
errors end with 2, an unknown command with 1;
an OSStatus passed through is cut to eight bits. Over ssh nobody can be asked, and a login keychain is locked.

Not documented, so assumed: on which stream `verify-cert` reports failure (standard error here), and the exit code of
`authorizationdb write` when authd refuses.
"""

from __future__ import annotations

import getopt
from collections.abc import Awaitable, Callable, Iterable

from cryptography import x509

from .. import ingestion, keychain
from ..calls import Call
from ..keychain import Item

USAGE = 2
NOT_FOUND = 44  # errSecItemNotFound, -25300
NO_INTERACTION = 36  # errSecInteractionNotAllowed, -25308
DUPLICATE_KEYCHAIN = 48  # errSecDuplicateKeychain, -25296
NO_KEYCHAIN = 50  # errSecNoSuchKeychain, -25294
AUTH_FAILED = 51  # errSecAuthFailed, -25293
MAX_LINE, MAX_WORDS = 4096, 32

SYSTEM_PATH = "/Library/Keychains/System.keychain"
ROOTS_PATH = "/System/Library/Keychains/SystemRootCertificates.keychain"
DENIED = "The authorization was denied since no user interaction was possible."
# `authorizationdb read` prints a right as a plist on standard output (man security). That an entitled program or an
# administrator's authentication is wanted is in authorization.plist 59754; the name of that rule is assumed.
RULE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
\t<key>class</key>
\t<string>rule</string>
\t<key>rule</key>
\t<array>
\t\t<string>entitled-admin-or-authenticate-admin</string>
\t</array>
</dict>
</plist>
"""
NO_ITEM = "The specified item could not be found in the keychain."
POLICIES = {
    "basic": "X.509 Basic",
    "ssl-client": "SSL (client)",
    "ssl-server": "SSL (server)",
    "smime": "S/MIME",
    "eap": "EAP",
    "ipsec": "IPSec",
    "ichat": "iChat",
    "codesigning": "Code Signing",
    "sys-default": "System Default",
    "sys-kerberos-kdc": "System Kerberos KDC",
    "macappstore": "Mac App Store",
    "appleID": "AppleID",
}
TRUST_POLICIES = ("ssl", "smime", "codeSign", "IPSec", "basic", "swUpdate", "pkgSign", "eap", "macappstore", "appleID")
RESULTS = ("trustRoot", "trustAsRoot", "deny", "unspecified")
FORMATS = ("openssl", "openssh1", "openssh2", "bsafe", "raw", "pkcs7", "pkcs8", "pkcs12", "netscape", "x509", "pemseq")


class _Failed(Exception):
    """Ends a command: text for standard error, and the exit code."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.text, self.code = text, code


async def run(call: Call) -> int:
    try:
        options, words = getopt.getopt(call.args, "hilp:qv")
    except getopt.GetoptError as error:
        return call.refuse(
            str(error), "Usage: security [-h] [-i] [-l] [-p prompt] [-q] [-v] [command] [opt ...]", USAGE
        )
    found = dict(options)
    if words:
        return await _command(call, words)
    if "-i" not in found and "-p" not in found:
        return call.refuse(
            "no command", "Usage: security [-h] [-i] [-l] [-p prompt] [-q] [-v] [command] [opt ...]", USAGE
        )
    return await _interactive(call, quiet="-q" in found)


async def _interactive(call: Call, *, quiet: bool) -> int:
    """`security -i`: one command a line from standard input; the last one's code is the exit code (security.c)."""
    code = 0
    while line := await call.read_line():
        if len(line) >= MAX_LINE:
            return call.refuse(f"a line of more than {MAX_LINE} bytes", "security: line too long\n")
        words = split_line(line.decode("utf-8", "surrogateescape"))
        if not words:
            continue
        if len(words) > MAX_WORDS:
            return call.refuse(f"more than {MAX_WORDS} words", "security: too many words\n")
        call.mac.typed.append(words)
        code = await _command(call, words)
        if code and not quiet:
            call.err(f"{words[0]}: returned {code}\n")
    return code


def split_line(line: str) -> list[str]:
    """Split as security.c does: blanks separate, both quotes group, a backslash takes the next character as it is."""
    words: list[str] = []
    word: list[str] | None = None
    quote = ""
    characters = iter(line)
    for character in characters:
        if word is None:
            if character.isspace():
                continue
            word, quote = [], character if character in "\"'" else ""
            if quote:
                continue
        if character == "\\":
            word.append(next(characters, ""))
        elif (quote and character == quote) or (not quote and character.isspace()):
            words.append("".join(word))
            word = None
        else:
            word.append(character)
    return words if word is None else [*words, "".join(word)]


async def _command(call: Call, words: list[str]) -> int:
    name, *args = words
    if name not in COMMANDS:
        return call.refuse(f"the lab knows no security {name}", f'security: unknown command "{name}"\n', 1)
    try:
        return await COMMANDS[name](call, args)
    except getopt.GetoptError as error:
        return call.refuse(str(error), f"security: illegal option -- {error.opt}\nUsage: {name}\n", USAGE)
    except _Failed as failure:
        call.err(f"security: {failure.text}\n")
        return failure.code


def _usage(call: Call, name: str, reason: str) -> int:
    return call.refuse(reason, f"Usage: {name} [options] (see man security)\n", USAGE)


# -- which keychain -------------------------------------------------------------------------------------------------


def _store(call: Call, path: str) -> str:
    """Name of the store behind a keychain's path: 'system', a user, '' for the system roots, the path of any other."""
    path = _full(call, path)
    if path == SYSTEM_PATH:
        return "system"
    if path == ROOTS_PATH:
        return ""
    for user in call.mac.accounts.values():
        if user.uid and path in {f"{user.home}/Library/Keychains/login.keychain{end}" for end in ("", "-db")}:
            if user != call.user and not call.is_root:
                break
            return user.name
    if path in call.mac.keychain_passwords:
        return path
    raise _Failed("SecKeychainOpen: The specified keychain could not be found.", NO_KEYCHAIN)


def _full(call: Call, path: str) -> str:
    """A keychain's path on the Mac: a bare name is one of the user's own."""
    path = call.mac.mac_path(call.path(path)) if "/" in path else f"{call.user.home}/Library/Keychains/{path}"
    return path.removeprefix("/private")


def _stores(call: Call, paths: list[str]) -> list[str]:
    if paths:
        return [_store(call, path) for path in paths]
    return ["system"] if call.is_root else [call.user.name, "system"]


def _items(call: Call, paths: list[str]) -> list[tuple[str, Item]]:
    return [(store, item) for store in _stores(call, paths) if store for item in call.mac.keychains[store]]


def _path(call: Call, store: str) -> str:
    if store == "system":
        return SYSTEM_PATH
    if store in call.mac.keychain_passwords:
        return store
    return f"{call.mac.accounts[store].home}/Library/Keychains/login.keychain-db"


def _writable(call: Call, store: str, what: str, code: int) -> None:
    if store == "":
        raise _Failed(f"{what}: Write permissions error.", code)
    if store == "system":
        if not call.is_root:
            raise _Failed(f"{what}: Write permissions error.", code)
    elif (store, call.env["LAB_EXEC"]) not in call.mac.unlocked:
        raise _Failed(f"{what}: User interaction is not allowed.", code)


def _read(call: Call, given: str) -> bytes:
    path = call.path(given)
    if not call.mac.readable_by(path, call.user):
        reason = "Permission denied" if path.exists() else "No such file or directory"
        raise _Failed(f"***Error reading infile {given}: {reason}", 1)
    return path.read_bytes()


def _trusted(call: Call) -> set[str]:
    return call.mac.trusted["admin"] | call.mac.trusted.get(call.user.name, set())


# -- finding --------------------------------------------------------------------------------------------------------


async def _find_certificate(call: Call, args: list[str]) -> int:
    options, paths = getopt.getopt(args, "ac:e:mpZ")
    found = dict(options)
    matching = [
        (store, item)
        for store, item in _items(call, paths)
        if found.get("-c", "").lower() in item.common_name.lower() and ("-e" not in found or found["-e"] in item.emails)
    ]
    if not matching and "-a" not in found:
        raise _Failed(f"SecKeychainSearchCopyNext: {NO_ITEM}", NOT_FOUND)
    for store, item in matching if "-a" in found else matching[:1]:
        if "-Z" in found:
            call.out(f"SHA-256 hash: {item.sha256}\nSHA-1 hash: {item.sha1}\n")
        if "-m" in found:
            call.out("".join(f"email address: {email}\n" for email in item.emails))
        call.out(item.pem if "-p" in found else _attributes(_path(call, store), item))
    return 0


def _attributes(path: str, item: Item) -> str:
    certificate = item.certificate

    def blob(data: bytes) -> str:
        text = "".join(chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}" for byte in data)
        return f'0x{data.hex().upper()}  "{text}"'

    serial = certificate["tbs_certificate"]["serial_number"].contents
    return (
        f'keychain: "{path}"\nversion: 512\nclass: 0x80001000 \nattributes:\n'
        f'    "alis"<blob>="{item.common_name}"\n'
        f'    "cenc"<uint32>=0x00000003 \n    "ctyp"<uint32>=0x00000001 \n'
        f'    "hpky"<blob>={blob(certificate.public_key.sha1)}\n'
        f'    "issu"<blob>={blob(certificate.issuer.dump())}\n'
        f'    "labl"<blob>="{item.common_name}"\n'
        f'    "skid"<blob>={blob(certificate.key_identifier or b"")}\n'
        f'    "snbr"<blob>={blob(serial)}\n'
        f'    "subj"<blob>={blob(certificate.subject.dump())}\n'
    )


async def _find_identity(call: Call, args: list[str]) -> int:
    options, paths = getopt.getopt(args, "p:s:v")
    policies = [value for name, value in options if name == "-p"] or ["basic"]
    unknown = [policy for policy in policies if policy not in POLICIES]
    if unknown:
        return _usage(call, "find-identity", f"unknown policy {unknown[0]}")
    valid_only = ("-v", "") in options
    found = _items(call, paths)
    pool = [item for _unused, item in [*found, *_items(call, [])]]
    for policy in policies:
        lines, valid = [], []
        for item in [item for _unused, item in found if item.key]:
            problem = keychain.verdict(item, pool, _trusted(call), policy)
            lines.append(f'{item.sha1} "{item.common_name}"' + (f" ({problem})" if problem else ""))
            valid += [] if problem else [lines[-1]]
        if not valid_only:
            call.out(
                f"\nPolicy: {POLICIES[policy]}\n  Matching identities\n"
                f"{_numbered(lines)}     {len(lines)} identities found\n"
            )
            call.out("\n  Valid identities only\n")
        call.out(f"{_numbered(valid)}     {len(valid)} valid identities found\n" + ("" if valid_only else "\n"))
    return 0


def _numbered(lines: Iterable[str]) -> str:
    return "".join(f"  {number}) {line}\n" for number, line in enumerate(lines, 1))


async def _create_keychain(call: Call, args: list[str]) -> int:
    options, paths = getopt.getopt(args, "p:")
    if len(paths) != 1 or not options:
        return _usage(call, "create-keychain", "-p PASSWORD KEYCHAIN")
    name, place = _full(call, paths[0]), call.path(paths[0])
    if name in call.mac.keychain_passwords or place.exists():
        text = "A keychain with the same name already exists."
        raise _Failed(f"SecKeychainCreate {paths[0]}: {text}", DUPLICATE_KEYCHAIN)
    place.write_bytes(b"kych")
    place.chmod(0o644)
    call.mac.own(place, call.user.name)
    call.mac.keychains[name] = []
    call.mac.keychain_passwords[name] = dict(options)["-p"]
    call.mac.unlocked.add((name, call.env["LAB_EXEC"]))
    return 0


async def _delete_keychain(call: Call, args: list[str]) -> int:
    _options, paths = getopt.getopt(args, "")
    if len(paths) != 1:
        return _usage(call, "delete-keychain", "one KEYCHAIN")
    name = _full(call, paths[0])
    if name not in call.mac.keychain_passwords:
        raise _Failed("SecKeychainDelete: The specified keychain could not be found.", NO_KEYCHAIN)
    del call.mac.keychain_passwords[name], call.mac.keychains[name]
    call.path(paths[0]).unlink(missing_ok=True)
    return 0


async def _default_keychain(call: Call, args: list[str]) -> int:
    options, words = getopt.getopt(args, "d:")
    if words or dict(options).get("-d", "user") not in {"user", "system", "common", "dynamic"}:
        return _usage(call, "default-keychain", "the lab tells it only")
    call.out(f'    "{_path(call, _stores(call, [])[0])}"\n')
    return 0


async def _list_keychains(call: Call, args: list[str]) -> int:
    options, words = getopt.getopt(args, "d:")
    if words or dict(options).get("-d", "user") not in {"user", "system", "common", "dynamic"}:
        return _usage(call, "list-keychains", "the lab lists only")
    call.out("".join(f'    "{_path(call, store)}"\n' for store in _stores(call, [])))
    return 0


# -- putting in -----------------------------------------------------------------------------------------------------


async def _import(call: Call, args: list[str]) -> int:
    # The file comes first, the options behind it (keychain_import.c).
    if not args or args[0].startswith("-"):
        return _usage(call, "import", "the file comes first")
    given, *rest = args
    options, extra = getopt.getopt(rest, "k:t:f:wP:xAT:")
    if extra:
        return _usage(call, "import", f"one file only, not {extra[0]} as well")
    found = dict(options)
    if found.get("-f", "pkcs12") not in FORMATS:
        return _usage(call, "import", f"unknown format {found['-f']}")
    if found.get("-t", "agg") not in {"pub", "priv", "session", "cert", "agg"}:
        return _usage(call, "import", f"unknown type {found['-t']}")
    store = _store(call, found["-k"]) if "-k" in found else _stores(call, [])[0]
    data = _read(call, given)
    what = "SecKeychainItemImport"
    with call.mac.lock:
        _writable(call, store, what, 1)
        is_pkcs12 = found.get("-f") == "pkcs12" or ("-f" not in found and _is_pkcs12(data))
        if is_pkcs12:
            return _import_identity(call, found, [value for name, value in options if name == "-T"], data, store)
        try:
            items = [Item(der) for der in keychain.certificates(data)]
        except ValueError:
            raise _Failed(f"{what}: Unknown format in import.", 1) from None
        _add(call, store, items, what)
        plural = "certificate" if len(items) == 1 else "certificates"
        call.out(f"{len(items)} {plural} imported.\n")
        return 0


def _is_pkcs12(data: bytes) -> bool:
    try:
        ingestion.pkcs12_facts(data)
    except (ValueError, TypeError, KeyError):
        return False
    return True


def _import_identity(call: Call, found: dict[str, str], programs: list[str], data: bytes, store: str) -> int:
    what = "SecKeychainItemImport"
    modern_route = call.mac.release.secpkcs12import and found.get("-f") == "pkcs12"
    if "-P" not in found:  # a panel asks for it, and over ssh there is none
        raise _Failed(f"{what}: User interaction is not allowed.", 1)
    try:
        facts = ingestion.pkcs12_facts(data)
    except (ValueError, TypeError, KeyError):
        raise _Failed(f"{what}: Unknown format in import.", 1) from None
    allowed = not facts.modern
    if call.mac.release.secpkcs12import:
        allowed = not facts.pbes2 or (modern_route and set(facts.pbes2) == {"aes256_cbc/pbkdf2/sha256"})
    try:
        if not allowed:
            raise ValueError("this form is not accepted")
        leaf, *others = ingestion.open_pkcs12(data, found["-P"])
    except ValueError:
        text = "MAC verification failed during PKCS12 import (wrong password?)"
        raise _Failed(f"{what}: {text}", 1) from None
    leaf.access = ("*",) if "-A" in found else ("security", *(path.rpartition("/")[2] for path in programs))
    leaf.extractable = modern_route or "-x" not in found
    known = {item.sha256: item for item in call.mac.keychains[store]}
    if leaf.sha256 in known and known[leaf.sha256].key:
        if modern_route:
            return 0
        raise _Failed(f"{what}: The specified item already exists in the keychain.", 1)
    if leaf.sha256 in known:
        call.mac.keychains[store].remove(known[leaf.sha256])
    _add(call, store, [leaf, *(item for item in others if item.sha256 not in known)], what)
    if not modern_route:
        call.out("1 identity imported.\n")
    return 0


def _add(call: Call, store: str, items: list[Item], what: str) -> None:
    known = {item.sha256 for item in call.mac.keychains[store]}
    if any(item.sha256 in known for item in items):
        raise _Failed(f"{what}: The specified item already exists in the keychain.", 1)
    call.mac.keychains[store] += items
    call.mac.save()


async def _add_trusted_cert(call: Call, args: list[str]) -> int:
    options, files = getopt.getopt(args, "dr:p:k:")
    found = dict(options)
    policies = [value for name, value in options if name == "-p"]
    if len(files) != 1:
        return _usage(call, "add-trusted-cert", "[-d] [-r result] [-p policy] [-k keychain] FILE")
    if found.get("-r", "trustRoot") not in RESULTS or any(policy not in TRUST_POLICIES for policy in policies):
        return _usage(call, "add-trusted-cert", "unknown result or policy")
    try:
        item = Item(keychain.certificates(_read(call, files[0]))[0])
    except ValueError:
        raise _Failed(f"Error reading file {files[0]}", 1) from None
    with call.mac.lock:
        if "-k" in found:
            store = _store(call, found["-k"])
            _writable(call, store, "SecCertificateAddToKeychain", 1)
            if item.sha256 not in {other.sha256 for other in call.mac.keychains[store]}:
                _add(call, store, [item], "SecCertificateAddToKeychain")
        # Nobody is there to authenticate; only the old way round helps, and only for the admin domain.
        if not ("-d" in found and call.is_root and call.mac.trust_opened):
            raise _Failed(f"SecTrustSettingsSetTrustSettings: {DENIED}", 1)
        call.mac.trusted["admin"].add(item.sha256)
    return 0


async def _authorizationdb(call: Call, args: list[str]) -> int:
    right = "com.apple.trust-settings.admin"
    if args == ["read", right]:
        call.out(RULE)
        call.err("YES (0)\n")
        return 0
    if len(args) != 3 or args[:2] != ["write", right]:
        return _usage(call, "authorizationdb", f"the lab knows write {right} RULE only")
    if not call.is_root or not call.mac.release.authorizationdb_trust:
        call.err("NO (-60005)\n")
        return 1
    call.mac.trust_opened = args[2] == "allow"
    call.err("YES (0)\n")
    return 0


# -- checking -------------------------------------------------------------------------------------------------------


async def _verify_cert(call: Call, args: list[str]) -> int:
    options, words = getopt.getopt(args, "c:r:p:n:LlqC")
    found = dict(options)
    if words or "-c" not in found or found.get("-p", "basic") not in TRUST_POLICIES:
        return _usage(call, "verify-cert", "-c FILE with a known policy")
    try:
        leaf, *chain = [Item(der) for name, value in options if name == "-c" for der in _certificates(call, value)]
        anchors = [Item(der) for name, value in options if name == "-r" for der in _certificates(call, value)]
    except ValueError:
        raise _Failed("verify-cert: unable to read a certificate", 1) from None
    pool = [*chain, *anchors, *(item for _unused, item in _items(call, []))]
    trusted = {item.sha256 for item in anchors} if anchors else _trusted(call)
    policy = {"ssl": "ssl-server", "eap": "eap"}.get(found.get("-p", "basic"), "basic")
    problem = keychain.verdict(leaf, pool, trusted, policy)
    if problem is None and "-n" in found and found.get("-p") in {"ssl", "IPSec"} and not _names(leaf, found["-n"]):
        problem = "CSSMERR_TP_VERIFY_ACTION_FAILED"
    if "-q" not in found:
        (call.err if problem else call.out)(
            f"Cert Verify Result: {problem}\n" if problem else "...certificate verification successful.\n"
        )
    return 1 if problem else 0


def _certificates(call: Call, given: str) -> list[bytes]:
    return keychain.certificates(_read(call, given))


def _names(item: Item, name: str) -> bool:
    """True if a DNS name of the certificate is `name`; the common name does not count (SecPolicyCreateIPSec)."""
    certificate = x509.load_der_x509_certificate(item.der)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    found = [found.lower() for found in names.get_values_for_type(x509.DNSName)]
    parent = name.lower().partition(".")[2]
    return name.lower() in found or f"*.{parent}" in found


async def _dump_trust_settings(call: Call, args: list[str]) -> int:
    options, words = getopt.getopt(args, "sd")
    if words or len(options) > 1:
        return _usage(call, "dump-trust-settings", "[-s | -d]")
    domain = "admin" if ("-d", "") in options else call.user.name
    hashes = set() if ("-s", "") in options else call.mac.trusted.get(domain, set())
    items = {item.sha256: item for items in call.mac.keychains.values() for item in items if item.sha256 in hashes}
    if not items:
        raise _Failed("SecTrustSettingsCopyCertificates: No Trust Settings were found.", 1)
    call.out(f"Number of trusted certs = {len(items)}\n")
    for number, item in enumerate(items.values()):
        call.out(f"Cert {number}: {item.common_name}\n   Number of trust settings : 0\n")
    return 0


async def _cms(call: Call, args: list[str]) -> int:
    options, words = getopt.getopt(args, "Di:o:")
    found = dict(options)
    if words or "-D" not in found:
        return _usage(call, "cms", "the lab knows -D [-i FILE] [-o FILE] only")
    raw = _read(call, found["-i"]) if "-i" in found else await call.read_all()
    try:
        plain = ingestion.unwrap(raw)[0]
    except Exception:  # noqa: BLE001
        call.err("security: failed to decode message\n")
        return 1
    if "-o" in found:
        path = call.path(found["-o"])
        path.write_bytes(plain)
        call.mac.own(path, call.user.name)
    else:
        call.out(plain)
    return 0


# -- taking out, unlocking ------------------------------------------------------------------------------------------


def _delete(kind: str) -> Callable[[Call, list[str]], Awaitable[int]]:
    async def delete(call: Call, args: list[str]) -> int:
        options, paths = getopt.getopt(args, "c:Z:t")
        found = dict(options)
        if ("-c" in found) == ("-Z" in found):
            return _usage(call, f"delete-{kind}", "one of -c and -Z")
        wanted = found.get("-c") or found["-Z"]
        with call.mac.lock:
            matching = [
                (store, item)
                for store, item in _items(call, paths)
                if (item.key or kind == "certificate")
                and (
                    wanted.lower() in item.common_name.lower()
                    if "-c" in found
                    else wanted.upper() in (item.sha1, item.sha256)
                )
            ]
            if len(matching) != 1:
                call.err(f'Unable to delete certificate matching "{wanted}"\n')
                return 1
            store, item = matching[0]
            _writable(call, store, "SecKeychainItemDelete", 1)
            if "-t" in found and item.sha256 in call.mac.trusted["admin"] and not call.mac.trust_opened:
                raise _Failed(f"SecTrustSettingsRemoveTrustSettings: {DENIED}", 1)
            call.mac.keychains[store].remove(item)
            if "-t" in found:
                call.mac.trusted["admin"].discard(item.sha256)
            call.mac.save()
        return 0

    return delete


def _password(call: Call, store: str) -> str:
    accounts, others = call.mac.accounts, call.mac.keychain_passwords
    return others[store] if store in others else accounts[store].password


async def _unlock_keychain(call: Call, args: list[str]) -> int:
    options, paths = getopt.getopt(args, "p:")
    if len(paths) > 1:
        return _usage(call, "unlock-keychain", "[-p password] [keychain]")
    store = _stores(call, paths)[0]
    found = dict(options)
    if "-p" not in found:
        line = await call.read_line(f"password to unlock {_path(call, store)}: ")
        found["-p"] = line.rstrip(b"\n").decode("utf-8", "surrogateescape")
    if store in {"", "system"}:
        return 0
    if found["-p"] != _password(call, store):
        text = "The user name or passphrase you entered is not correct."
        raise _Failed(f"SecKeychainUnlock {_path(call, store)}: {text}", AUTH_FAILED)
    # A keychain is unlocked for the session, and over ssh each exec of a new connection is one.
    call.mac.unlocked.add((store, call.env["LAB_EXEC"]))
    return 0


async def _set_key_partition_list(call: Call, args: list[str]) -> int:
    options, paths = getopt.getopt(args, "l:sS:k:")
    found = dict(options)
    if len(paths) > 1 or "-S" not in found:
        return _usage(call, "set-key-partition-list", "-S LIST [-s] [-k password] [keychain]")
    store = _stores(call, paths)[0]
    if store not in {"", "system"} and found.get("-k") != _password(call, store):
        text = "The user name or passphrase you entered is not correct."
        raise _Failed(f"SecKeychainItemSetAccessWithPassword: {text}", AUTH_FAILED)
    return 0


COMMANDS: dict[str, Callable[[Call, list[str]], Awaitable[int]]] = {
    "find-certificate": _find_certificate,
    "find-identity": _find_identity,
    "list-keychains": _list_keychains,
    "default-keychain": _default_keychain,
    "create-keychain": _create_keychain,
    "delete-keychain": _delete_keychain,
    "import": _import,
    "add-trusted-cert": _add_trusted_cert,
    "authorizationdb": _authorizationdb,
    "verify-cert": _verify_cert,
    "dump-trust-settings": _dump_trust_settings,
    "cms": _cms,
    "delete-certificate": _delete("certificate"),
    "delete-identity": _delete("identity"),
    "unlock-keychain": _unlock_keychain,
    "set-key-partition-list": _set_key_partition_list,
}
