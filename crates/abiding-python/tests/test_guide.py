"""The guide from Flask-Session to PostgreSQL and back, as it stands there: an application with the real
Flask-Session 0.5.0 on files, under gunicorn, and visitors with cookie jars who stay signed in."""

from __future__ import annotations

import contextlib
import http.cookiejar
import os
import re
import secrets
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

import servers

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
OLD = ROOT / "target/flask-session/0.5.0"
DIST = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "wheel/dist"
VISITORS = 6

PIP = """#!/bin/sh
exec python -m pip "$@"
"""

#: What the guide calls the service: ends gunicorn and starts it with the settings of now.
SYSTEMCTL = """#!/bin/bash
set -e
[ "$*" = "restart shop" ]
if [ -e gunicorn.pid ]; then
    pid=$(cat gunicorn.pid)
    kill "$pid"
    while kill -0 "$pid" 2> /dev/null; do sleep 0.05; done
fi
set -a
. ./shop.env
python -m gunicorn --bind "127.0.0.1:$PORT" --workers 2 --threads 4 --pid gunicorn.pid --daemon \\
    --error-logfile gunicorn.log app:app
"""


class Shop:
    """The machine that the application runs on."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self.port = folder, servers.free_port()
        python = folder / "venv/bin/python"
        subprocess.run([OLD / "bin/python", "-m", "venv", "--without-pip", folder / "venv"], check=True)
        # What the application had all along, pip included, without asking an index for it again.
        site = subprocess.run(
            [OLD / "bin/python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        (found,) = (folder / "venv/lib").glob("python*/site-packages")
        (found / "before.pth").write_text(site)
        shutil.copy(HERE / "apps/shop.py", folder / "app.py")
        (wheel,) = DIST.glob("abiding-*.whl")
        shutil.copy(wheel, folder)
        (folder / "shop.env").write_text(
            f"FLASK_SECRET_KEY={secrets.token_hex()}\nFLASK_SESSION_TYPE=filesystem\n"
        )
        for name, text in (("pip", PIP), ("systemctl", SYSTEMCTL)):
            program = folder / "venv/bin" / name
            program.write_text(text)
            program.chmod(0o700)
        self.environment = {
            "DATABASE_URL": database,
            "PATH": f"{python.parent}:{os.environ['PATH']}",
            "PORT": str(self.port),
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    def run(self, command: str) -> None:
        ran = subprocess.run(
            ["bash", "-ec", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ran.returncode == 0, (command, ran.stdout, ran.stderr)

    def end(self) -> None:
        pid = self.folder / "gunicorn.pid"
        if pid.exists():
            os.kill(int(pid.read_text()), signal.SIGTERM)


@pytest.fixture
def shop(tmp_path: Path, postgres_url: str) -> Iterator[Shop]:
    if not (OLD / "bin/gunicorn").exists():
        servers.missing("flask")
    shop = Shop(tmp_path, postgres_url)
    try:
        yield shop
    finally:
        shop.end()


class Visitor:
    """A browser with a cookie jar."""

    def __init__(self, shop: Shop, name: str) -> None:
        self.url, self.name, self.added = f"http://127.0.0.1:{shop.port}", name, 0
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(jar)
        self.ask(f"/sign-in/{name}")

    def ask(self, path: str) -> str:
        with self.opener.open(self.url + path, timeout=30) as answer:
            return str(answer.read().decode())

    def goes_on(self) -> None:
        self.added += 1
        assert self.ask("/add") == str(self.added)
        assert self.ask("/look") == f"{self.name} {self.added} True"


def commands() -> list[list[str]]:
    """Those of each block of the guide."""
    guide = (ROOT / "docs/from-flask-session.md").read_text()
    blocks = re.findall(r"```console\n(.*?)```", guide, re.S)
    return [re.split(r"^\$ ", block, flags=re.M)[1:] for block in blocks]


def in_postgresql(url: str) -> int:
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM abiding_sessions")
        return int(cursor.fetchone()[0])


def test_the_guide_takes_everybody_to_postgresql_and_back(shop: Shop, postgres_url: str) -> None:
    there, back, end = commands()
    assert len(there) == 4
    shop.run("systemctl restart shop")
    servers.eventually(lambda: servers.answers(shop.port))
    visitors = [Visitor(shop, f"visitor{number}") for number in range(VISITORS)]
    kept = visitors[0]
    out_there, out_back = visitors[-2:]
    for visitor in visitors:
        visitor.goes_on()
    assert kept.ask("/through") == "flask_session.sessions"
    through = []
    for block in (there, back, end):
        for command in block:
            shop.run(command)
        servers.eventually(lambda: servers.answers(shop.port))
        # Each of two workers has seen everybody.
        for visitor in visitors:
            for _ in range(3):
                visitor.goes_on()
        through.append(kept.ask("/through"))
        if block is there:
            assert in_postgresql(postgres_url) >= VISITORS
            assert out_there.ask("/sign-out") == ""
            assert out_there.ask("/look") == "nobody None False"
            visitors.remove(out_there)
        if block is back:
            out_back.ask("/sign-out")
            visitors.remove(out_back)
    assert through == ["abiding.flask.server", "abiding.flask.server", "flask_session.sessions"]
    for visitor in visitors:
        assert visitor.ask("/flashed") == f"[('info', 'welcome {visitor.name}')]"
    for visitor in (out_there, out_back):
        assert visitor.ask("/look") == "nobody None False"
    assert "Traceback" not in (shop.folder / "gunicorn.log").read_text()
