"""A store that is down, and a session that ended meanwhile: told, and never taken for an empty session."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, session
from werkzeug.exceptions import Conflict, ServiceUnavailable

import servers
from abiding import GoneError, UnavailableError
from abiding.flask import SessionEnded, SessionUnavailable
from conftest import MakeApp


@pytest.fixture
def nowhere() -> Iterator[str]:
    """A port at which nobody answers."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"redis://:hunter2@127.0.0.1:{bound.getsockname()[1]}/0?patience=300"


def routes(app: Flask) -> None:
    app.add_url_rule("/read", "read", lambda: str(session.get("a")))
    app.add_url_rule("/write", "write", lambda: (session.__setitem__("a", 1), "written")[1])
    app.add_url_rule("/plain", "plain", lambda: "plain")


@pytest.mark.parametrize("testing", [True, False])
def test_a_store_that_is_down_is_a_503(make_app: MakeApp, nowhere: str, testing: bool) -> None:
    app = make_app(SESSION_ABIDING_URL=nowhere, TESTING=testing)
    routes(app)
    client = app.test_client()
    assert client.get("/plain").text == "plain"
    for page in ("/read", "/write"):
        answer = client.get(page)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert "Set-Cookie" not in answer.headers
        assert "127.0.0.1" not in answer.text and "hunter2" not in answer.text


def test_another_place_that_is_down_is_a_503(make_app: MakeApp, nowhere: str) -> None:
    elsewhere = {"phase": "move", "SESSION_TYPE": "redis", "SESSION_REDIS": nowhere}
    app = make_app(SESSION_ABIDING_ELSEWHERE=[elsewhere])
    routes(app)
    client = app.test_client()
    assert client.get("/plain").text == "plain"
    answer = client.get("/write")
    assert answer.status_code == 503
    assert "Set-Cookie" not in answer.headers


def test_the_application_s_error_handler_sees_it(make_app: MakeApp, nowhere: str) -> None:
    app = make_app(SESSION_ABIDING_URL=nowhere)
    routes(app)
    seen = []

    @app.errorhandler(503)
    def handler(error: Exception) -> Any:
        seen.append(error)
        return "please come back", 503, {"X-Mine": "yes"}

    answer = app.test_client(use_cookies=False).get("/read")
    assert (answer.text, answer.status_code, answer.headers["X-Mine"]) == ("please come back", 503, "yes")
    (error,) = seen
    assert isinstance(error, SessionUnavailable)
    assert isinstance(error, UnavailableError) and isinstance(error, ServiceUnavailable)
    assert "hunter2" not in str(error) and "127.0.0.1" in str(error)


def test_a_store_that_goes_down_before_the_answer_turns_it_into_a_503(make_app: MakeApp) -> None:
    port = servers.free_port()
    with servers.redis(port) as url:
        app = make_app(SESSION_ABIDING_URL=f"{url}?patience=500")
        routes(app)

        @app.get("/down")
        def down() -> str:
            session["b"] = session["a"]
            import redis

            with redis.Redis(port=port) as server:
                server.shutdown(nosave=True)
            return "x" * 100_000

        @app.errorhandler(ServiceUnavailable)
        def handler(error: Exception) -> Any:
            return "please come back", 503

        client = app.test_client()
        assert client.get("/write").text == "written"
        cookie = client.get_cookie("session")
        assert cookie is not None

        answer = client.get("/down")
        assert (answer.status_code, answer.text) == (503, "please come back")
        assert answer.headers["Content-Length"] == "16"
        assert client.get_cookie("session") == cookie
        assert client.get("/read").status_code == 503
    with servers.redis(port):
        # It is back, without the session, which is therefore a new one: what the server forgot is over.
        assert client.get("/read").text == "None"


def test_who_writes_to_a_session_that_ended_meanwhile_is_told(make_app: MakeApp) -> None:
    app = make_app()
    client = app.test_client()
    with client.session_transaction() as stored:
        stored["user"] = "ada"
    seen = []

    @app.get("/slow")
    def slow() -> str:
        session["cart"] = 1
        with client.session_transaction() as other:
            other.clear()
        return "written"

    @app.errorhandler(409)
    def handler(error: Exception) -> Any:
        seen.append(error)
        return "again, please", 409

    answer = app.test_client(use_cookies=False).get(
        "/slow", headers={"Cookie": f"session={client.get_cookie('session').value}"}
    )  # type: ignore[union-attr]
    assert (answer.status_code, answer.text) == (409, "again, please")
    (error,) = seen
    assert isinstance(error, SessionEnded) and isinstance(error, GoneError) and isinstance(error, Conflict)
    with client.session_transaction() as stored:
        assert stored.new and "user" not in stored


def test_who_only_read_a_session_that_ended_meanwhile_gets_the_answer(make_app: MakeApp) -> None:
    app = make_app()
    client = app.test_client()
    with client.session_transaction() as stored:
        stored["user"] = "ada"
    header = {"Cookie": f"session={client.get_cookie('session').value}"}  # type: ignore[union-attr]

    @app.get("/slow")
    def slow() -> str:
        user = session["user"]
        with client.session_transaction() as other:
            other.clear()
        return str(user)

    assert app.test_client(use_cookies=False).get("/slow", headers=header).text == "ada"
    client.set_cookie("session", header["Cookie"].partition("=")[2])
    with client.session_transaction() as stored:
        assert stored.new


def test_damaged_data_is_an_error_and_no_empty_session(make_app: MakeApp, tmp_path: Any) -> None:
    import sqlite3

    app = make_app()
    routes(app)
    client = app.test_client()
    client.get("/write")
    with sqlite3.connect(tmp_path / "sessions.db") as database:
        (table, column) = next(
            (table, column)
            for (table,) in database.execute("select name from sqlite_master where type = 'table'").fetchall()
            for (_, column, *_) in database.execute(f"pragma table_info({table})").fetchall()
            if column == "payload"
        )
        database.execute(f"update {table} set {column} = zeroblob(length({column}))")
    database.close()
    assert client.get("/read").status_code == 503
