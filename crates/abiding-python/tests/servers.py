"""Real servers in folders of their own, ended by process id. Missing programs skip a test, unless
``ABIDING_REQUIRE`` names them."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def missing(name: str) -> None:
    if name in os.environ.get("ABIDING_REQUIRE", "").split(","):
        pytest.fail(f"{name} is required, and not there")
    pytest.skip(f"{name} is not installed")


@contextlib.contextmanager
def running(
    command: list[str], end: signal.Signals = signal.SIGTERM, **options: object
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own, and its children, gone at the end."""
    process = subprocess.Popen(command, start_new_session=True, **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, end)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def eventually(check: object, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not check():  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise TimeoutError("it did not happen in time")
        time.sleep(0.02)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def redis(port: int | None = None) -> Iterator[str]:
    program = shutil.which("redis-server")
    if program is None:
        missing("redis")
    port = port or free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [str(program), "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
        with running(command, stdout=subprocess.DEVNULL):
            eventually(lambda: answers(port))
            yield f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    found = [os.path.dirname(path) for path in (shutil.which("initdb"),) if path]
    found += sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    programs = [folder for folder in found if os.path.exists(f"{folder}/postgres")]
    if not programs:
        missing("postgres")
    program, port = programs[-1], free_port()
    # The server refuses to run as root; its files then belong to a user that the packages bring.
    user = {"user": "postgres"} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        if user:
            shutil.chown(folder, "postgres")
        data = f"{folder}/data"
        subprocess.run(
            [f"{program}/initdb", "-D", data, "-U", "app", "-A", "trust", "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **user,  # type: ignore[call-overload]
        )
        command = [f"{program}/postgres", "-D", data, "-p", str(port), "-k", folder, "-F"]
        # At once: the end that it is asked for politely waits for every client.
        with running(command, signal.SIGINT, stderr=subprocess.DEVNULL, cwd=folder, **user):
            eventually(lambda: "ready" in status(f"{data}/postmaster.pid"))
            yield f"postgresql://app@127.0.0.1:{port}/postgres"


@contextlib.contextmanager
def memcached() -> Iterator[str]:
    program = shutil.which("memcached")
    if program is None:
        missing("memcached")
    port = free_port()
    # It refuses to be started by root without a name of a user; for others that means nothing.
    command = [str(program), "-l", "127.0.0.1", "-U", "0", "-p", str(port), "-u", "root"]
    with running(command):
        eventually(lambda: answers(port))
        yield f"memcached://127.0.0.1:{port}"


@contextlib.contextmanager
def mysql() -> Iterator[str]:
    program = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin")
    if program is None:
        missing("mysql")
    port = free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        data = f"{folder}/data"
        os.mkdir(data)
        # In a common folder, one that starts removes the temporary tables of those beside it.
        command = [str(program), "--no-defaults", f"--datadir={data}", f"--tmpdir={folder}"]
        command += ["--performance-schema=OFF", "--innodb-flush-log-at-trx-commit=0"]
        if os.geteuid() == 0:
            # It refuses to run as root unless it is told who to be.
            for path in (folder, data):
                shutil.chown(path, "nobody")
            command.append("--user=nobody")
        share = next(path for path in ("/usr/share/mysql", "/usr/share/mariadb") if os.path.exists(path))
        tables = ("mysql_system_tables.sql", "mysql_system_tables_data.sql")
        script = "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n"
        script += "".join(Path(share, name).read_text() for name in tables)
        script += "CREATE DATABASE test;\n"
        made = subprocess.run([*command, "--bootstrap"], input=script.encode(), capture_output=True)
        assert made.returncode == 0, made.stderr.decode()
        command += [f"--socket={folder}/socket", f"--port={port}", "--bind-address=127.0.0.1"]
        with running([*command, "--skip-name-resolve"], stderr=subprocess.DEVNULL):
            eventually(lambda: answers(port))
            yield f"mysql://root@127.0.0.1:{port}/test"


def status(path: str) -> str:
    with contextlib.suppress(OSError):
        return Path(path).read_text()
    return ""


@contextlib.contextmanager
def gunicorn(
    target: str, folder: Path, *arguments: str, log: Path | None = None, **environment: str
) -> Iterator[str]:
    """An application in this folder under gunicorn, 2 workers of 8 threads: its base URL. What it says
    goes to a file there, or in the folder `log`."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "2"]
    command += ["--threads", "8", "--chdir", str(folder), *arguments, target]
    with serving(command, port, (log or folder) / "gunicorn.log", environment) as url:
        yield url


@contextlib.contextmanager
def uwsgi(target: str, folder: Path, *arguments: str, **environment: str) -> Iterator[str]:
    """The same under uWSGI."""
    program = Path(sys.executable).with_name("uwsgi")
    if not program.exists():
        missing("uwsgi")
    port = free_port()
    command = [str(program), "--http-socket", f"127.0.0.1:{port}", "--master", "--processes", "2"]
    command += ["--threads", "8", "--die-on-term", "--home", sys.prefix, "--chdir", str(folder), *arguments]
    with serving([*command, "--module", target], port, folder / "uwsgi.log", environment) as url:
        yield url


@contextlib.contextmanager
def serving(command: list[str], port: int, log: Path, environment: dict[str, str]) -> Iterator[str]:
    with log.open("wb") as out, running(command, stdout=out, stderr=out, env={**os.environ, **environment}):

        def healthy() -> bool:
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthy", timeout=5),
            ):
                return True
            return False

        try:
            eventually(healthy)
        except TimeoutError:
            pytest.fail(log.read_text())
        yield f"http://127.0.0.1:{port}"
