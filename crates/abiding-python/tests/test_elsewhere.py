"""Sessions that change their place while visitors use them, there and back: nobody is signed out by that."""

from __future__ import annotations

import datetime
import secrets
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, flash, get_flashed_messages, session
from flask.testing import FlaskClient

from abiding import ConfigError
from abiding.flask import Session

SECRET = secrets.token_hex()
VALUES = {
    "list": [1, [2.5, None, True], {"a": "Zo\u00eb"}],
    "when": datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
    "bytes": b"\x00\xff",
}
PLACES = ["cookie", "files", "native"]


def settings(place: str, folder: Path) -> dict[str, Any]:
    return {
        "cookie": {},
        "files": {"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": str(folder / "files")},
        "native": {"SESSION_ABIDING_URL": f"sqlite://{folder / 'sessions.db'}"},
    }[place]


def make(place: str, folder: Path, *others: tuple[str, str]) -> Flask:
    app = Flask(place)
    app.config.update(SECRET_KEY=SECRET, SESSION_ABIDING_SUBJECT="user", **settings(place, folder))
    app.config["SESSION_ABIDING_ELSEWHERE"] = [
        {"phase": phase, **settings(other, folder)} for phase, other in others
    ]
    Session(app)
    app.add_url_rule("/sign-in", "sign_in", lambda: (session.update({"user": "zoe", **VALUES}), "")[1])
    app.add_url_rule("/sign-out", "sign_out", lambda: (session.clear(), "")[1])
    app.add_url_rule("/flash", "flash", lambda: (flash("hello"), "")[1])
    app.add_url_rule("/add", "add", lambda: (session.update(n=session.get("n", 0) + 1), str(session["n"]))[1])
    app.add_url_rule("/look", "look", lambda: session.get("user", "nobody"))
    app.add_url_rule("/flashed", "flashed", lambda: ",".join(get_flashed_messages()))
    app.add_url_rule("/nested", "nested", lambda: (session["list"].append(1), "")[1])
    return app


def same_browser(client: FlaskClient, app: Flask) -> FlaskClient:
    other = app.test_client()
    found = client.get_cookie("session")
    if found is not None:
        other.set_cookie("session", found.value)
    return other


def values(client: FlaskClient) -> dict[str, Any]:
    with client.session_transaction() as stored:
        return {key: stored[key] for key in stored if key in (*VALUES, "n")}


@pytest.mark.parametrize(("old", "new"), list(permutations(PLACES, 2)))
def test_there_and_back_nobody_is_signed_out(old: str, new: str, tmp_path: Path) -> None:
    app = make(old, tmp_path)
    client = app.test_client()
    client.get("/sign-in")
    client.get("/flash")
    steps = [
        (old, ("probe", new)),
        (new, ("move", old)),
        (new, ("mirror", old)),
        (new, ("probe", old)),
        (old, ("move", new)),
        (old,),
    ]
    for number, (place, *others) in enumerate(steps, 1):
        before = client
        client = same_browser(client, make(place, tmp_path, *others))
        assert client.get("/look").text == "zoe", (place, others)
        assert client.get("/add").text == str(number)
        # A tab that still has the cookie of before finds the session too.
        if "cookie" not in (old, new):
            assert same_browser(before, client.application).get("/look").text == "zoe"
    client.get("/nested")
    found = values(client)
    assert found == {**VALUES, "n": len(steps), "list": [*VALUES["list"], 1]}  # type: ignore[misc]
    assert client.get("/flashed").text == "hello"


@pytest.mark.parametrize(("old", "new"), list(permutations(PLACES, 2)))
def test_who_signs_out_on_the_way_stays_signed_out(old: str, new: str, tmp_path: Path) -> None:
    client = make(old, tmp_path).test_client()
    client.get("/sign-in")
    before = client
    client = same_browser(client, make(new, tmp_path, ("move", old)))
    assert client.get("/look").text == "zoe"
    client.get("/sign-out")
    assert client.get("/look").text == "nobody"
    # With the cookie that the browser had before it moved.
    assert same_browser(before, make(new, tmp_path, ("move", old))).get("/look").text == "nobody"


def test_a_setting_without_a_phase_is_said(tmp_path: Path) -> None:
    app = Flask("app")
    app.config.update(SECRET_KEY=SECRET, SESSION_ABIDING_ELSEWHERE=[{"SESSION_TYPE": "filesystem"}])
    with pytest.raises(ConfigError, match="phase"):
        Session(app)
    app.config["SESSION_ABIDING_ELSEWHERE"] = [{"phase": "later", **settings("files", tmp_path)}]
    with pytest.raises(ConfigError, match="later"):
        Session(app)


def test_the_settings_of_the_application_stay_as_they_are(tmp_path: Path) -> None:
    app = make("native", tmp_path, ("move", "files"))
    assert "SESSION_TYPE" not in app.config
    assert app.config["SESSION_ABIDING_URL"].startswith("sqlite:")
