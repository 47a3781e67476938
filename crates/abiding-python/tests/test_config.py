"""Settings: what they mean, and what is said of those that cannot work."""

from __future__ import annotations

import secrets
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from abiding import ConfigError, Sessions
from abiding.flask import ServerSideSessionInterface, Session
from conftest import MakeApp


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"SESSION_ABIDING_URL": ""}, "SESSION_ABIDING_URL"),
        ({"SESSION_ABIDING_URL": 5}, "SESSION_ABIDING_URL is int"),
        ({"SESSION_ABIDING_URL": "sessions.db"}, "sqlite:///"),
        ({"SESSION_ABIDING_URL": "rdis://scott:tiger@host/0"}, "did you mean `redis:`"),
        ({"SESSION_ABIDING_URL": "redis://host/0?patiense=5"}, "did you mean `patience`"),
        ({"SESSION_ABIDING_URL": "sqlite:///sessions.db"}, "'sqlite:sessions.db'"),
        ({"SESSION_ABIDING_URL": "sqlite://sessions.db"}, "host"),
        ({"SECRET_KEY": None}, "SECRET_KEY"),
        ({"SECRET_KEY": "dev"}, "16 bytes"),
        ({"SECRET_KEY": "dev-secret-key-change-in-production"}, "guessed"),
        ({"SECRET_KEY": 5}, "SECRET_KEY must be str or bytes, not int"),
        ({"SECRET_KEY_FALLBACKS": ["old"]}, "16 bytes"),
        ({"SESSION_ABIDING_KEYS": "vault:session"}, "not understood"),
        ({"SESSION_ABIDING_KEYS": "file:/nowhere/session.keys"}, "/nowhere/session.keys"),
        ({"SESSION_COOKIE_SAMESITE": "Never"}, "SameSite"),
        ({"SESSION_COOKIE_SAMESITE": "None"}, "secure cookie"),
        ({"SESSION_COOKIE_NAME": "a b"}, "a b"),
        ({"SESSION_COOKIE_NAME": "__Host-session"}, "Secure"),
        ({"SESSION_ABIDING_ABSOLUTE_LIFETIME": "1h"}, "timedelta or seconds"),
        ({"SESSION_ABIDING_ABSOLUTE_LIFETIME": 0}, "absolute"),
        ({"PERMANENT_SESSION_LIFETIME": 0}, "idle"),
    ],
)
def test_a_setting_that_cannot_work_is_said_at_once(settings: dict[str, Any], words: str) -> None:
    app = Flask("app")
    app.config.update(SECRET_KEY=secrets.token_hex(), SESSION_ABIDING_URL="sqlite:///tmp/sessions.db")
    app.config.update(settings)
    with pytest.raises(ConfigError, match=words) as caught:
        Session(app)
    assert isinstance(caught.value, ValueError)
    for secret in ("scott:tiger", "dev-secret-key", "vault:session"):
        assert secret not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "words"),
    [("radis", "no kind of session"), (5, "no kind of session")],
)
def test_a_kind_of_session_that_is_not_known_is_never_taken_for_none(kind: Any, words: str) -> None:
    app = Flask("app")
    app.config.update(SECRET_KEY=secrets.token_hex(), SESSION_TYPE=kind)
    with pytest.raises(ConfigError, match=words):
        Session(app)


def test_a_weak_secret_is_for_development_only(tmp_path: Path) -> None:
    app = Flask("app")
    app.config.update(SECRET_KEY="dev", SESSION_ABIDING_URL=f"sqlite://{tmp_path / 's.db'}", TESTING=True)
    with pytest.warns(UserWarning, match="for development only"):
        Session(app)
    client = app.test_client()
    with client.session_transaction() as stored:
        stored["a"] = 1
    with client.session_transaction() as stored:
        assert stored["a"] == 1


def test_what_was_signed_under_a_fallback_is_still_a_session(make_app: MakeApp) -> None:
    old, new = secrets.token_hex(), secrets.token_hex().encode()
    client = make_app(SECRET_KEY=old).test_client()
    with client.session_transaction() as stored:
        stored["a"] = 1
    found = client.get_cookie("session")
    assert found is not None
    for app, kept in (
        (make_app(SECRET_KEY=new, SECRET_KEY_FALLBACKS=[secrets.token_hex(), old]), True),
        (make_app(SECRET_KEY=new), False),
    ):
        client = app.test_client()
        client.set_cookie("session", found.value)
        with client.session_transaction() as stored:
            assert ("a" in stored) is kept


def test_keys_may_come_from_a_file(make_app: MakeApp, tmp_path: Path) -> None:
    import base64

    path = tmp_path / "session.keys"
    path.write_bytes(base64.b64encode(secrets.token_bytes(32)) + b"\n")
    path.chmod(0o600)
    app = make_app(SECRET_KEY=None, SESSION_ABIDING_KEYS=f"file:{path}")
    client = app.test_client()
    with client.session_transaction() as stored:
        stored["a"] = 1
    with client.session_transaction() as stored:
        assert stored["a"] == 1


REMOVED = "session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; "


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, REMOVED + "HttpOnly; Path=/"),
        ({"SESSION_COOKIE_NAME": "sid"}, REMOVED.replace("session", "sid") + "HttpOnly; Path=/"),
        ({"SESSION_COOKIE_HTTPONLY": False}, REMOVED + "Path=/"),
        ({"SESSION_COOKIE_SECURE": True}, REMOVED + "Secure; HttpOnly; Path=/"),
        (
            {"SESSION_COOKIE_DOMAIN": ".bücher.example:80"},
            "session=; Domain=xn--bcher-kva.example; " + REMOVED.partition("; ")[2] + "HttpOnly; Path=/",
        ),
        ({"SESSION_COOKIE_PATH": "/a b"}, REMOVED + "HttpOnly; Path=/a%20b"),
        ({"APPLICATION_ROOT": "/root"}, REMOVED + "HttpOnly; Path=/root"),
        ({"SESSION_COOKIE_SAMESITE": "lax"}, REMOVED + "HttpOnly; Path=/; SameSite=Lax"),
        (
            {"SESSION_COOKIE_PARTITIONED": True},
            REMOVED + "Secure; HttpOnly; Path=/; SameSite=None; Partitioned",
        ),
        (
            {"SESSION_COOKIE_NAME": "__Host-session", "SESSION_COOKIE_SECURE": True},
            REMOVED.replace("session", "__Host-session") + "Secure; HttpOnly; Path=/",
        ),
    ],
)
def test_cookie_settings_are_followed_in_setting_and_in_removing(
    make_app: MakeApp, settings: dict[str, Any], expected: str
) -> None:
    app = make_app(SESSION_PERMANENT=False, **settings)
    interface = app.session_interface
    name = app.config["SESSION_COOKIE_NAME"]
    value = ""
    for number in range(2):
        headers = {"Cookie": f"{name}={value}"} if value else {}
        with app.test_request_context(headers=headers) as context:
            session = interface.open_session(app, context.request)
            assert session is not None
            if number:
                session.clear()
            else:
                session["a"] = 1
            response = app.response_class()
            interface.save_session(app, session, response)
        (header,) = response.headers.getlist("Set-Cookie")
        pair, _, attributes = header.partition(";")
        value = pair.partition("=")[2]
        gone = " Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0;"
        assert f"{name}=;{attributes}" == (expected if number else expected.replace(gone, ""))


def test_applications_with_different_realms_do_not_take_each_other_s_sessions(make_app: MakeApp) -> None:
    secret = secrets.token_hex()
    client = make_app(SECRET_KEY=secret, SESSION_ABIDING_REALM="one").test_client()
    with client.session_transaction() as stored:
        stored["a"] = 1
    found = client.get_cookie("session")
    assert found is not None
    other = make_app(SECRET_KEY=secret, SESSION_ABIDING_REALM="two").test_client()
    other.set_cookie("session", found.value)
    with other.session_transaction() as stored:
        assert "a" not in stored


def test_an_application_factory_gives_each_application_its_own_sessions(tmp_path: Path) -> None:
    extension = Session()
    apps = []
    for number in range(2):
        app = Flask("app")
        app.config.update(
            SECRET_KEY=secrets.token_hex(), SESSION_ABIDING_URL=f"sqlite://{tmp_path / str(number)}.db"
        )
        extension.init_app(app)
        apps.append(app)
    first, second = (app.session_interface for app in apps)
    assert isinstance(first, ServerSideSessionInterface) and isinstance(second, ServerSideSessionInterface)
    assert first.sessions is not second.sessions


def test_a_lifetime_longer_than_browsers_keep_a_cookie_is_no_error(make_app: MakeApp) -> None:
    app = make_app(PERMANENT_SESSION_LIFETIME=timedelta(days=3650))
    with app.test_client().session_transaction() as stored:
        stored["a"] = 1


def test_a_relative_path_is_one_in_the_instance_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = Flask("app", instance_path=str(tmp_path / "instance"))
    app.config.update(SECRET_KEY=secrets.token_hex(), SESSION_ABIDING_URL="sqlite:sessions.db")
    Session(app)
    with app.test_client().session_transaction() as stored:
        stored["a"] = 1
    assert (tmp_path / "instance" / "sessions.db").exists() and not (tmp_path / "sessions.db").exists()


def test_sessions_are_swept_by_themselves(tmp_path: Path) -> None:
    import time

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sessions = Sessions(
            f"sqlite://{tmp_path / 's.db'}",
            sweep_seconds=0.1,
            cookie={
                "name": "session",
                "domain": None,
                "path": "/",
                "secure": False,
                "http_only": True,
                "same_site": None,
                "partitioned": False,
            },
            secrets=[secrets.token_bytes(32)],
            idle_seconds=0.05,
        )
        for _ in range(3):
            session = sessions.open(None)
            session.put({}, {"a": 1})
            session.close(False)
        time.sleep(0.3)
        session = sessions.open(None)
        session.put({}, {"a": 1})
        session.close(False)
    deadline = time.monotonic() + 5
    import sqlite3

    def rows() -> int:
        with sqlite3.connect(tmp_path / "s.db") as database:
            (table,) = (
                name
                for (name,) in database.execute("select name from sqlite_master where type = 'table'")
                if "session" in name
            )
            (count,) = database.execute(f"select count(*) from {table}").fetchone()
        database.close()
        return int(count)

    while rows() > 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert rows() <= 1
