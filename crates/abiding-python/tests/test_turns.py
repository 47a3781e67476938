"""Two processes take turns on the same sessions, over HTTP: one has Flask-Session, the other has ours.

For a thousand requests no session is lost, and no value changes its type, neither with 0.5.0 nor with 0.8.0.
"""

from __future__ import annotations

import contextlib
import datetime
import http.client
import json
import pickle
import random
import secrets
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import servers

HERE = Path(__file__).parent
TURNS = 1_000
VISITORS = 3


class Half:
    """One of the two processes."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, cookie: str, *acts: tuple[str, str]) -> tuple[dict[str, Any], str]:
        """A request: the session as the view found it, and the cookie that the browser has afterwards."""
        headers = {"Content-Type": "application/json"}
        if cookie:
            headers["Cookie"] = cookie
        self.connection.request("POST", "/", json.dumps(acts), headers)
        answer = self.connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (answer.status, body)
        for header in answer.headers.get_all("Set-Cookie") or []:
            pair, _, attributes = header.partition(";")
            cookie = "" if "Max-Age=0" in attributes else pair
        return pickle.loads(body), cookie


@contextlib.contextmanager
def half(python: str, given: dict[str, Any]) -> Iterator[Half]:
    command = [python, "-W", "ignore", str(HERE / "apps/turns.py")]
    with servers.running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        with process.stdin, process.stdout:
            process.stdin.write(json.dumps(given).encode() + b"\n")
            process.stdin.flush()
            yield Half(int(process.stdout.readline()))


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where that can be: waiting for the disk is not what is tested."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as path:
        yield Path(path)


@pytest.fixture(params=["redis", "files", "postgres", "sqlite"])
def place(request: pytest.FixtureRequest, folder: Path) -> tuple[str, dict[str, str]]:
    """Where sessions lie: the URL, and the settings of both halves."""
    if request.param == "files":
        return "", {"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": str(folder)}
    if request.param == "redis":
        return request.getfixturevalue("redis_url"), {"SESSION_TYPE": "redis"}
    url = f"sqlite:///{folder / 'app.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url").replace("postgresql:", "postgresql+psycopg2:")
    # PostgreSQL has tables of both versions.
    return url, {"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY_TABLE": f"t{secrets.token_hex(4)}"}


def a_value(chance: random.Random, pickled: bool, depth: int = 0) -> Any:
    """A value of any type that both halves keep."""
    utc = datetime.timezone.utc
    plain = [
        lambda: None,
        lambda: chance.random() < 0.5,
        lambda: chance.randrange(-(2**40), 2**40),
        lambda: chance.random() * 1e6,
        lambda: f"text é {chance.randrange(99)}",
        lambda: chance.randbytes(8),
        lambda: datetime.datetime.fromtimestamp(1_700_000_000 + chance.randrange(2**30), utc),
    ]
    nested = [
        lambda: [a_value(chance, pickled, depth + 1) for _ in range(chance.randrange(4))],
        lambda: {f"k{n}": a_value(chance, pickled, depth + 1) for n in range(chance.randrange(4))},
    ]
    in_pickles = [
        lambda: tuple(a_value(chance, pickled, depth + 1) for _ in range(chance.randrange(4))),
        lambda: {chance.randrange(99)},
        lambda: uuid.UUID(int=chance.getrandbits(128)),
        lambda: Decimal(chance.randrange(10**6)) / 100,
        lambda: datetime.date(2026, 1 + chance.randrange(12), 3),
    ]
    kinds = plain + (nested if depth < 3 else []) + (in_pickles if pickled and depth < 3 else [])
    return chance.choice(kinds)()


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, with the type of everything in them."""
    if type(one) is not type(other) or one != other:
        return False
    if isinstance(one, dict):
        return all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return all(map(same, one, other))
    return True


@pytest.mark.parametrize("version", ["0.5.0", "0.8.0"])
def test_a_thousand_turns_lose_no_session_and_change_no_type(
    place: tuple[str, dict[str, str]], version: str
) -> None:
    theirs = HERE.parents[2] / "target/flask-session" / version / "bin/python"
    if not theirs.exists():
        servers.missing("flask")
    url, settings = place
    old, in_files = version == "0.5.0", settings["SESSION_TYPE"] == "filesystem"
    pickled = old or in_files
    common = {
        "SECRET_KEY": secrets.token_hex(),
        "SESSION_KEY_PREFIX": secrets.token_hex(4),
        "SESSION_USE_SIGNER": old,
    }
    if old:
        # The older one names its table itself, and reads nothing but pickles.
        settings.pop("SESSION_SQLALCHEMY_TABLE", None)
    mine = {"SESSION_SERIALIZATION_FORMAT": "pickle"} if old else {}
    chance = random.Random(f"{version} {settings['SESSION_TYPE']}")
    given = {"url": url, "settings": {**common, **settings}}
    with (
        half(sys.executable, {**given, "settings": {**common, **settings, **mine}, "ours": True}) as ours,
        half(str(theirs), {**given, "ours": False}) as flask_session,
    ):
        if old:
            # It makes no table either.
            ours.ask("", ("set", pickle.dumps({"a": 1}, 4).hex()))
        # Files are named by whichever began: the cachelib of the older one does not know the newer names.
        halves = (flask_session, ours)
        cookies, expected = [""] * VISITORS, [dict[str, Any]() for _ in range(VISITORS)]
        begun, lost = 0, []
        for turn in range(TURNS):
            visitor = chance.randrange(VISITORS)
            key, value = f"key {chance.randrange(12)}", a_value(chance, pickled)
            act = chance.choice(["read", "pop", "set", "set", "set"]) if cookies[visitor] else "set"
            half_of_turn = halves[turn % 2] if cookies[visitor] or not (old and in_files) else flask_session
            acts = {"read": [], "pop": [("pop", key)], "set": [("set", pickle.dumps({key: value}, 4).hex())]}[
                act
            ]
            found, cookie = half_of_turn.ask(cookies[visitor], *acts)
            if cookies[visitor]:
                lost += [] if same(found, expected[visitor]) else [(turn, found, expected[visitor])]
                assert not lost, lost
            else:
                begun += 1
                expected[visitor] = {"_permanent": True}
            cookies[visitor] = cookie
            if act == "pop":
                expected[visitor].pop(key, None)
            elif act == "set":
                expected[visitor][key] = value
        assert begun == VISITORS and min(map(len, expected)) > 5
        # What one of them ends is over for the other.
        for number, half_that_ends in enumerate(halves):
            assert half_that_ends.ask(cookies[number], ("clear", ""))[1] == ""
            found, _ = halves[1 - number].ask(cookies[number])
            assert not [key for key in found if key.startswith("key")]
