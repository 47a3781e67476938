"""Starts one of the examples with all it needs, and says where it is: ``python run.py membership``.

What it needs are servers for as long as it runs, unless the environment names others, and a secret, which is
kept: who is signed in is so after a restart. ``cargo xtask example NAME`` builds the wheel first.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
# The throw-away servers of the wheel's tests.
sys.path.append(str(HERE.parent / "crates/abiding-python/tests"))

import servers  # noqa: E402


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """PostgreSQL, named as SQLAlchemy names it with the driver that is installed."""
    with servers.postgres() as url:
        yield url.replace("postgresql:", "postgresql+psycopg2:")


Server = Callable[[], AbstractContextManager[str]]


class Example(NamedTuple):
    """An application: what gunicorn is to serve, and what it finds in its environment."""

    folder: str
    target: str
    #: What it can be started as, the first one unless told otherwise; a server stands for its URL.
    modes: Mapping[str, Mapping[str, str | Server]]
    #: Whether the program in Rust stands before it.
    rust: bool = False


EXAMPLES = {
    "membership": Example("flask", "membership.app:create_app()", {"": {"DATABASE_URL": postgres}}),
    "organizer": Example(
        "flask",
        "organizer.app:create_app()",
        {
            "development": {"FLASK_ENV": "development"},
            "production": {"FLASK_ENV": "production", "REDIS_URL": servers.redis},
        },
    ),
    "platforms": Example(
        "flask",
        "platforms.app:create_app()",
        {"cookie": {"PLATFORMS_SESSIONS": "cookie"}, "table": {"PLATFORMS_SESSIONS": "table"}},
    ),
    "organizer-cookie": Example("flask", "organizer_cookie.app:create_app()", {"": {}}),
    "code": Example("flask", "one_time_code.app:create_app()", {"": {"REDIS_URL": servers.redis}}),
    "shared": Example(
        "shared/python",
        "shop:create_app()",
        {
            "cookie": {"SESSIONS": "cookie"},
            "redis": {"SESSIONS": servers.redis},
            "sqlite": {"SESSIONS": "sqlite:{data}/shop.db"},
            "postgres": {"SESSIONS": servers.postgres},
        },
        rust=True,
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Starts one of the examples.")
    parser.add_argument("name", choices=EXAMPLES)
    parser.add_argument("mode", nargs="?", help="how, where there is more than one way")
    parser.add_argument("--data", type=Path, default=HERE / "data", help="the folder for what it keeps")
    parser.add_argument("--port", type=int, default=5000, help="another one is taken where this is in use")
    given = parser.parse_args()
    example = EXAMPLES[given.name]
    mode = given.mode or next(iter(example.modes))
    if mode not in example.modes:
        parser.error(f"{given.name} can be started as {', '.join(filter(None, example.modes)) or 'nothing else'}")
    data = given.data.resolve() / given.name
    data.mkdir(parents=True, exist_ok=True)
    # Told to end, or left by its terminal, it ends what it has started.
    for name in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(name, lambda *_: sys.exit(0))
    with contextlib.ExitStack() as stack:
        environment = {"DATA": str(data), "SECRET_KEY": secret(data / "secret"), **os.environ}
        for variable, value in example.modes[mode].items():
            if isinstance(value, str):
                environment[variable] = value.format(data=data)
            elif variable not in environment:
                environment[variable] = stack.enter_context(value())
        port = given.port if given.port and not servers.answers(given.port) else servers.free_port()
        behind = servers.free_port() if example.rust else port
        last = stack.enter_context(serving(HERE / example.folder, example.target, behind, environment))
        if example.rust:
            environment.update(FLASK=f"127.0.0.1:{behind}", PORT=str(port))
            last = stack.enter_context(child(rust(), port, HERE, environment))
        print(f"{' '.join(filter(None, [given.name, mode]))} on http://127.0.0.1:{port}  (Ctrl-C ends it)", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            last.wait()


def secret(path: Path) -> str:
    """The secret in this file, which nobody else may read; made when it is not there."""
    with contextlib.suppress(FileExistsError), open(path, "x", opener=_private) as file:
        file.write(secrets.token_hex())
    return path.read_text()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def serving(
    folder: Path, target: str, port: int, environment: Mapping[str, str]
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """The application under gunicorn, with several workers."""
    # --preload: the application is made once, and its tables too.
    gunicorn = "-m gunicorn --workers 2 --threads 4 --preload --log-level warning --bind".split()
    return child([sys.executable, *gunicorn, f"127.0.0.1:{port}", target], port, folder, environment)


def rust() -> list[str]:
    """The program in Rust, as it was built or as cargo builds it."""
    built = os.environ.get("ABIDING_EXAMPLE_SHARED")
    return [built] if built else ["cargo", "run", "--quiet", "--package", "abiding-example-shared"]


@contextlib.contextmanager
def child(
    command: list[str], port: int, folder: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that listens, of the same group as this one: Ctrl-C reaches both."""
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=sys.stderr)
    try:
        servers.eventually(lambda: process.poll() is not None or healthy(port), 600)
        if process.poll() is not None:
            sys.exit(f"{command[0]} did not start")
        yield process
    finally:
        process.terminate()
        process.wait()


def healthy(port: int) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthy", timeout=5):
        return True
    return False


if __name__ == "__main__":
    main()
