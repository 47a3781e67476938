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
sys.path.append(str(HERE.parents[1] / "crates/abiding-python/tests"))

import servers  # noqa: E402


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """PostgreSQL, named as SQLAlchemy names it with the driver that is installed."""
    with servers.postgres() as url:
        yield url.replace("postgresql:", "postgresql+psycopg2:")


class Example(NamedTuple):
    """An application: what gunicorn is to serve, and which servers it finds named in its environment."""

    target: str
    servers: Mapping[str, Callable[[], AbstractContextManager[str]]]
    #: What it can be started as, the first one unless told otherwise, and what that means to it.
    modes: Mapping[str, Mapping[str, str]] = {}


EXAMPLES = {
    "membership": Example("membership.app:create_app()", {"DATABASE_URL": postgres}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Starts one of the examples.")
    parser.add_argument("name", choices=EXAMPLES)
    parser.add_argument("mode", nargs="?", help="how, where there is more than one way")
    parser.add_argument("--data", type=Path, default=HERE / "data", help="the folder for what it keeps")
    parser.add_argument("--port", type=int, default=5000, help="another one is taken where this is in use")
    given = parser.parse_args()
    example = EXAMPLES[given.name]
    if given.mode not in (None, *example.modes):
        parser.error(f"{given.name} can be started as {', '.join(example.modes) or 'nothing else'}")
    mode = example.modes.get(given.mode or next(iter(example.modes), ""), {})
    data = given.data.resolve() / given.name
    data.mkdir(parents=True, exist_ok=True)
    # A server that is told to end ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.ExitStack() as stack:
        environment = {"DATA": str(data), "SECRET_KEY": secret(data / "secret"), **mode, **os.environ}
        for variable, server in example.servers.items():
            if variable not in environment:
                environment[variable] = stack.enter_context(server())
        port = given.port if given.port and not servers.answers(given.port) else servers.free_port()
        serve(given.name, example.target, port, environment)


def secret(path: Path) -> str:
    """The secret in this file, which nobody else may read; made when it is not there."""
    with contextlib.suppress(FileExistsError), open(path, "x", opener=_private) as file:
        file.write(secrets.token_hex())
    return path.read_text()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def serve(name: str, target: str, port: int, environment: Mapping[str, str]) -> None:
    """Serves it with several workers until it is told to end."""
    # --preload: the application is made once, and its tables too.
    gunicorn = "-m gunicorn --workers 2 --threads 4 --preload --log-level warning --bind".split()
    command = [sys.executable, *gunicorn, f"127.0.0.1:{port}", target]
    process = subprocess.Popen(command, cwd=HERE, env=environment)
    try:
        servers.eventually(lambda: process.poll() is not None or healthy(port))
        if process.poll() is None:
            print(f"{name} on http://127.0.0.1:{port}  (Ctrl-C ends it)", flush=True)
        sys.exit(process.wait())
    except KeyboardInterrupt:
        # It has heard that too.
        process.wait()
    finally:
        process.terminate()
        process.wait()


def healthy(port: int) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthy", timeout=5):
        return True
    return False


if __name__ == "__main__":
    main()
