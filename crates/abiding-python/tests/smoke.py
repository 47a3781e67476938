"""What must hold on every Python: `cargo xtask wheel` runs it on all that it finds, with Flask and no more.

The tests themselves run on one Python. This goes once through everything that depends on it: the binding,
every type of a value, threads, a fork, and Flask's own cookie.
"""

from __future__ import annotations

import datetime
import decimal
import os
import sys
import tempfile
import threading
import uuid
import warnings

import flask
from flask import Flask, flash, get_flashed_messages, session

import abiding
from abiding.flask import Session

VALUES = {
    "text": "Zoë \ud800",
    "numbers": [0, -1, 2**70, 1.5, True, None],
    "pair": (1, ("two", 3)),
    "bytes": b"\xff",
    "set": {1, 2},
    "date": datetime.date(2026, 2, 3),
    "moment": datetime.datetime(2026, 2, 3, 4, 5, 6, 7, datetime.timezone.utc),
    "decimal": decimal.Decimal("1.50"),
    "uuid": uuid.UUID(int=5),
    "nested": {"list": [{"a": 1}, {"b": [2]}]},
}


def main() -> None:
    folder = tempfile.mkdtemp()
    app = Flask("smoke")
    app.config.update(SECRET_KEY="of nobody but this program", SESSION_ABIDING_URL=f"sqlite://{folder}/s.db")
    Session(app)
    app.add_url_rule("/add", "add", lambda: str(session.update("n", lambda n: (n or 0) + 1)))
    app.add_url_rule("/flash", "flash", lambda: flash("hello") or "")
    app.add_url_rule("/show", "show", lambda: ",".join(get_flashed_messages()))
    client = app.test_client()
    with client.session_transaction() as stored:
        stored.update(VALUES)
    with client.session_transaction() as stored:
        assert {key: stored[key] for key in VALUES} == VALUES, dict(stored)
        assert [type(stored[key]) for key in VALUES] == [type(value) for value in VALUES.values()]
        stored["nested"]["list"][1]["b"].append(3)
    with client.session_transaction() as stored:
        assert stored["nested"] == {"list": [{"a": 1}, {"b": [2, 3]}]}
        assert stored.permanent and not stored.new and stored.sid
    assert client.get("/flash").status_code == 200 and client.get("/show").text == "hello"

    cookie = client.get_cookie("session")
    assert cookie is not None
    headers = {"Cookie": f"session={cookie.value}"}

    def add() -> None:
        for _ in range(10):
            assert app.test_client(use_cookies=False).get("/add", headers=headers).status_code == 200

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with warnings.catch_warnings():
        # Of threads that are over by now.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 1
        try:
            add()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    with client.session_transaction() as stored:
        assert stored["n"] == 50, stored["n"]

    signed = Flask("signed")
    signed.secret_key = "of nobody but this program"
    Session(signed)
    client = signed.test_client()
    with client.session_transaction() as stored:
        stored.update(user=7, pair=(1, 2), raw=b"\xff")
    theirs = Flask("theirs")
    theirs.secret_key = signed.secret_key
    other = theirs.test_client()
    found = client.get_cookie("session")
    assert found is not None
    other.set_cookie("session", found.value)
    with other.session_transaction() as stored:
        assert dict(stored) == {"user": 7, "pair": (1, 2), "raw": b"\xff"}, dict(stored)
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"abiding {abiding.__version__} works on Python {version} with Flask {_flask()}")


def _flask() -> str:
    from importlib.metadata import version

    return version(flask.__name__)


main()
