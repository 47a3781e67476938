"""Flask's own signed cookie, made by the Rust core: the same bytes, the same headers, the same verdicts."""

from __future__ import annotations

import datetime
import hashlib
import json
import secrets
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from flask import Flask, session
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import TimestampSigner

from abiding.errors import CorruptError
from abiding.flask import Session, SignedCookieSession, SignedCookieSessionInterface
from conftest import MakeApp

VECTORS = Path(__file__).parents[3] / "vectors"
FLOWS = json.loads((VECTORS / "flows_flask_cookie.json").read_text())["flows"]

#: Where ours does what Flask does not: a nested change is noticed, and the cookie that has it is sent.
NOTICED = {"nested_mutation_refresh_off"}


def secret_of(case: dict[str, Any]) -> str | bytes:
    secret = case["secret_key"]
    return bytes.fromhex(secret["hex"]) if "hex" in secret else str(secret["str"])


def perform(ops: list[list[Any]]) -> None:
    for name, *arguments in ops:
        match_op(name, arguments)


def match_op(name: str, arguments: list[Any]) -> None:
    acts: dict[str, Any] = {
        "append": lambda key, value: session[key].append(value),
        "bool": lambda: bool(session),
        "clear": lambda: session.clear(),
        "get": lambda key: session.get(key),
        "in": lambda key: key in session,
        "items": lambda: list(session.items()),
        "len": lambda: len(session),
        "modified": lambda value: setattr(session, "modified", value),
        "noop": lambda: None,
        "permanent": lambda value: setattr(session, "permanent", value),
        "pop": lambda key: session.pop(key, None),
        "set": lambda key, value: session.__setitem__(key, value),
        "setdefault": lambda key, value: session.setdefault(key, value),
    }
    acts[name](*arguments)


def flow_app(flow: dict[str, Any], interface: Any) -> Flask:
    app = Flask("flow")
    app.secret_key = secret_of(flow)
    config = dict(flow["config"])
    lifetime = config.pop("PERMANENT_SESSION_LIFETIME", None)
    app.config.update(config)
    if lifetime is not None:
        app.config["PERMANENT_SESSION_LIFETIME"] = lifetime
    app.session_interface = interface
    app.view_functions["view"] = lambda: ""
    app.add_url_rule("/", "view")
    return app


class At:
    """Both sides at one instant."""

    def __init__(self, seconds: int) -> None:
        moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
        clock = mock.Mock(wraps=datetime.datetime)
        clock.now = mock.Mock(side_effect=lambda zone=None: moment)
        self.patches = [
            mock.patch.object(TimestampSigner, "get_timestamp", lambda self: seconds),
            mock.patch.object(SignedCookieSessionInterface, "_now", lambda self: seconds),
            mock.patch("flask.sessions.datetime", clock),
        ]

    def __enter__(self) -> None:
        for patch in self.patches:
            patch.start()

    def __exit__(self, *_: object) -> None:
        for patch in self.patches:
            patch.stop()


def answer(app: Flask, step: dict[str, Any]) -> tuple[int, list[str], str | None]:
    name = app.config["SESSION_COOKIE_NAME"]
    environ = {"HTTP_COOKIE": f"{name}={step['cookie_in']}"} if step["cookie_in"] is not None else {}
    app.view_functions["view"] = lambda: (perform(step["ops"]), "")[1]
    response = app.test_client(use_cookies=False).get("/", environ_overrides=environ)
    return response.status_code, response.headers.getlist("Set-Cookie"), response.headers.get("Vary")


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow["id"])
def test_every_recorded_flow_has_the_same_headers(flow: dict[str, Any]) -> None:
    for number, step in enumerate(flow["steps"]):
        app = flow_app(flow, SignedCookieSessionInterface())
        with At(step["at"]):
            status, cookies, vary = answer(app, step)
        if flow["id"] in NOTICED and any(op[0] == "append" for op in step["ops"]):
            assert len(cookies) == 1 and not step["set_cookie"]
            continue
        assert status == step["status"], number
        assert vary == step["vary"], number
        assert same_cookies(app, step["at"], cookies, step["set_cookie"]), (
            number,
            cookies,
            step["set_cookie"],
        )


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow["id"])
def test_every_recorded_flow_has_the_headers_of_the_flask_that_is_installed(flow: dict[str, Any]) -> None:
    for step in flow["steps"]:
        ours = flow_app(flow, SignedCookieSessionInterface())
        theirs = flow_app(flow, SecureCookieSessionInterface())
        with At(step["at"]):
            (status, cookies, vary), expected = answer(ours, step), answer(theirs, step)
        if flow["id"] in NOTICED and any(op[0] == "append" for op in step["ops"]):
            continue
        assert (status, vary) == (expected[0], expected[2])
        assert same_cookies(ours, step["at"], cookies, expected[1])


def same_cookies(app: Flask, at: int, ours: list[str], theirs: list[str]) -> bool:
    """Equal, but for the bytes of a compressed payload, which depend on the build of zlib."""
    if ours == theirs:
        return True
    if len(ours) != len(theirs):
        return False
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer is not None

    def apart(header: str) -> tuple[str, Any]:
        pair, _, attributes = header.partition(";")
        with At(at):
            return attributes, serializer.loads(pair.partition("=")[2])

    return [apart(header) for header in ours] == [apart(header) for header in theirs]


VERIFY = json.loads((VECTORS / "flask_cookies.json").read_text())["verify"]


@pytest.mark.parametrize("case", VERIFY, ids=lambda case: case["id"])
def test_every_recorded_cookie_gets_the_verdict_of_the_flask_that_is_installed(case: dict[str, Any]) -> None:
    """Tampered, expired, from the future, malformed: the same values, or the same refusal."""
    verdicts = []
    for interface in (SignedCookieSessionInterface(), SecureCookieSessionInterface()):
        app = flow_app({"config": {}, "secret_key": case["secret_key"]}, interface)
        app.config["PERMANENT_SESSION_LIFETIME"] = case["permanent_session_lifetime_s"]
        fallbacks = case["fallbacks"]
        if fallbacks is not None:
            app.config["SECRET_KEY_FALLBACKS"] = [secret_of({"secret_key": secret}) for secret in fallbacks]
        header = case.get("cookie_header") or f"session={case.get('cookie')}"
        app.view_functions["view"] = lambda: repr(sorted(dict(session).items(), key=repr))
        with At(case["now"]):
            response = app.test_client(use_cookies=False).get("/", environ_overrides={"HTTP_COOKIE": header})
        verdicts.append((response.status_code, response.text if response.status_code == 200 else ""))
    assert verdicts[0] == verdicts[1]


def test_without_a_store_sessions_live_in_flask_s_cookie() -> None:
    for settings in ({}, {"SESSION_TYPE": None}, {"SESSION_TYPE": "null"}):
        app = Flask("app")
        app.config.update(SECRET_KEY="dev", **settings)
        Session(app)
        assert isinstance(app.session_interface, SecureCookieSessionInterface)
        with app.test_request_context():
            assert isinstance(session._get_current_object(), SignedCookieSession)  # type: ignore[attr-defined]


def test_two_applications_read_each_other_s_cookies() -> None:
    """One of them is Flask alone: moving there and back signs nobody out."""
    secret = secrets.token_hex()
    apps = []
    for extension in (True, False):
        app = Flask("app")
        app.secret_key = secret
        if extension:
            Session(app)
        app.add_url_rule("/", "count", lambda: str(session.setdefault("n", 0)))

        @app.before_request
        def add() -> None:
            session["n"] = session.get("n", 0) + 1
            session["pair"] = (1, b"x", datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc))

        apps.append(app)
    value = ""
    for number in range(1, 21):
        client = apps[number % 2].test_client()
        if value:
            client.set_cookie("session", value)
        assert client.get("/").text == str(number)
        found = client.get_cookie("session")
        assert found is not None
        value = found.value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("salt", "other"),
        ("key_derivation", "django-concat"),
        ("key_derivation", "concat"),
        ("key_derivation", "none"),
        ("digest_method", staticmethod(hashlib.sha256)),
        ("digest_method", staticmethod(hashlib.sha512)),
    ],
)
def test_a_subclass_that_signs_otherwise_is_followed(name: str, value: Any) -> None:
    ours = type("Ours", (SignedCookieSessionInterface,), {name: value})()
    theirs = type("Theirs", (SecureCookieSessionInterface,), {name: value})()
    app = Flask("app")
    app.secret_key = "secret"
    serializer = theirs.get_signing_serializer(app)
    with app.test_request_context(headers={"Cookie": f"session={serializer.dumps({'a': (1,)})}"}) as context:
        read = ours.open_session(app, context.request)
        assert dict(read) == {"a": (1,)}
        read["b"] = 2
        response = app.response_class()
        ours.save_session(app, read, response)
    written = response.headers["Set-Cookie"].split(";")[0].partition("=")[2]
    assert serializer.loads(written) == {"a": (1,), "b": 2}


def test_a_serializer_of_the_application_s_own_is_used() -> None:
    class Own(SignedCookieSessionInterface):
        serializer = json  # type: ignore[assignment]

    app = Flask("app")
    app.secret_key = "secret"
    app.session_interface = Own()
    client = app.test_client()
    with client.session_transaction() as stored:
        stored["a"] = (1,)
    with client.session_transaction() as stored:
        assert stored["a"] == [1]


def test_without_a_secret_the_session_can_be_read_and_not_written() -> None:
    app = Flask("app")
    Session(app)
    with app.test_request_context():
        assert dict(session) == {}
        with pytest.raises(RuntimeError, match="secret key"):
            session["a"] = 1


def test_a_nested_change_is_noticed() -> None:
    app = Flask("app")
    app.config.update(SECRET_KEY="secret")
    Session(app)
    client = app.test_client()
    with client.session_transaction() as stored:
        stored["cart"] = {"items": [1]}
    with client.session_transaction() as stored:
        stored.accessed = True
        stored["cart"]["items"].append(2)
    with client.session_transaction() as stored:
        assert stored["cart"] == {"items": [1, 2]}


def test_what_was_signed_and_cannot_be_read_fails_the_request(make_app: MakeApp) -> None:
    app = Flask("app")
    app.config.update(SECRET_KEY="secret")
    Session(app)
    signed = (
        TimestampSigner("secret", salt="cookie-session", key_derivation="hmac").sign(b"bm8gSlNPTg").decode()
    )
    # A request, and not a context of one: Flask leaves that behind for other tests where it cannot be begun.
    app.testing = True
    with pytest.raises(CorruptError):
        app.test_client(use_cookies=False).get("/", headers={"Cookie": f"session={signed}"})


def test_a_cookie_that_browsers_drop_is_warned_of() -> None:
    app = Flask("app")
    app.config.update(SECRET_KEY="secret", TESTING=True)
    Session(app)
    client = app.test_client()
    with pytest.warns(UserWarning, match="too large"), client.session_transaction() as stored:
        stored["value"] = secrets.token_hex(3_000)
