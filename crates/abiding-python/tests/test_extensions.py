"""The extensions that people use, on our session object."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pytest
from flask import Flask, flash, render_template_string, session
from flask.testing import FlaskClient

from conftest import MakeApp

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import flask_login
    import flask_wtf
    from flask_debugtoolbar import DebugToolbarExtension
    from wtforms import StringField

URLS = [None, "sqlite"]


@pytest.fixture(params=["signed cookie", "store"])
def both(request: pytest.FixtureRequest, make_app: MakeApp) -> Flask:
    """An application with sessions of either kind."""
    if request.param == "store":
        return make_app()
    return make_app(SESSION_ABIDING_URL=None)


class User(flask_login.UserMixin):  # type: ignore[misc]
    def __init__(self, name: str) -> None:
        self.id = name


def with_login(app: Flask) -> FlaskClient:
    manager = flask_login.LoginManager(app)
    manager.session_protection = "strong"
    manager.user_loader(User)
    app.add_url_rule("/in/<name>", "in", lambda name: str(flask_login.login_user(User(name), remember=False)))
    app.add_url_rule("/out", "out", lambda: str(flask_login.logout_user()))
    app.add_url_rule("/who", "who", lambda: str(getattr(flask_login.current_user, "id", None)))
    app.add_url_rule("/secret", "secret", flask_login.login_required(lambda: "secret"))
    app.add_url_rule("/cart", "cart", lambda: (session.__setitem__("cart", 1), "")[1])
    app.add_url_rule("/has", "has", lambda: str(session.get("cart")))
    return app.test_client()


def test_flask_login_signs_in_and_out(both: Flask) -> None:
    client = with_login(both)
    assert client.get("/secret").status_code == 401
    client.get("/cart")
    assert client.get("/in/ada").text == "True"
    assert (client.get("/who").text, client.get("/secret").text) == ("ada", "secret")
    client.get("/out")
    assert (client.get("/who").text, client.get("/secret").status_code) == ("None", 401)
    assert client.get("/has").text == "1"


def test_a_session_that_flask_login_signed_out_cannot_be_replayed(make_app: MakeApp) -> None:
    app = make_app()
    client = with_login(app)
    client.get("/in/ada")
    stolen = client.get_cookie("session")
    assert stolen is not None
    client.get("/out")
    thief = app.test_client()
    thief.set_cookie("session", stolen.value)
    assert thief.get("/who").text == "None"


def test_who_flask_login_signed_in_can_be_revoked(make_app: MakeApp) -> None:
    app = make_app()
    client = with_login(app)
    client.get("/in/ada")
    runner = app.test_cli_runner()
    assert runner.invoke(args=["abiding", "revoke", "bob"]).output == "0\n"
    assert runner.invoke(args=["abiding", "count"]).output == "1\n"
    assert runner.invoke(args=["abiding", "revoke", "ada"]).output == "1\n"
    assert client.get("/who").text == "None"
    assert runner.invoke(args=["abiding", "count"]).output == "0\n"
    assert runner.invoke(args=["abiding", "sweep"]).exit_code == 0


def test_one_session_is_revoked_by_its_name(make_app: MakeApp) -> None:
    app = make_app()
    client, other = with_login(app), app.test_client()
    client.get("/in/ada")
    other.get("/in/ada")
    with client.session_transaction() as stored:
        name = str(stored.sid)
    assert app.test_cli_runner().invoke(args=["abiding", "revoke", "ada", "--handle", name]).output == "1\n"
    assert (client.get("/who").text, other.get("/who").text) == ("None", "ada")


def test_the_commands_say_that_cookies_have_no_store(make_app: MakeApp) -> None:
    app = make_app(SESSION_ABIDING_URL=None)
    result = app.test_cli_runner().invoke(args=["abiding", "count"])
    assert result.exit_code == 1 and "cookies" in result.output


def test_flask_wtf_guards_forms(both: Flask) -> None:
    class Form(flask_wtf.FlaskForm):  # type: ignore[misc]
        name = StringField()

    @both.route("/form", methods=["GET", "POST"])
    def form() -> Any:
        shown = Form()
        if shown.validate_on_submit():
            return f"hello {shown.name.data}"
        return render_template_string("{{ form.csrf_token }}", form=shown), 200 if shown.errors == {} else 400

    client = both.test_client()
    token = re.search(r'value="([^"]+)"', client.get("/form").text)
    assert token is not None
    answer = client.post("/form", data={"name": "ada", "csrf_token": token.group(1)})
    assert answer.text == "hello ada"
    assert client.post("/form", data={"name": "ada", "csrf_token": "forged"}).status_code == 400
    assert both.test_client().post("/form", data={"csrf_token": token.group(1)}).status_code == 400


def test_csrf_protect_guards_every_post(both: Flask) -> None:
    flask_wtf.CSRFProtect(both)
    both.add_url_rule("/token", "token", lambda: flask_wtf.csrf.generate_csrf())
    both.add_url_rule("/post", "post", lambda: "posted", methods=["POST"])
    client = both.test_client()
    token = client.get("/token").text
    assert client.post("/post").status_code == 400
    assert client.post("/post", headers={"X-CSRFToken": token}).text == "posted"


def test_the_debug_toolbar_shows_the_session(both: Flask) -> None:
    both.config.update(DEBUG_TB_ENABLED=True, DEBUG_TB_INTERCEPT_REDIRECTS=False)
    both.debug = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        DebugToolbarExtension(both)

        @both.get("/page")
        def page() -> str:
            session["shown"] = {"nested": [1]}
            flash("hello")
            return render_template_string("<html><body>{{ get_flashed_messages() }}</body></html>")

        answer = both.test_client().get("/page")
    assert answer.status_code == 200
    assert "nested" in answer.text and "flDebug" in answer.text


def test_a_template_shows_messages_and_values(both: Flask) -> None:
    both.add_url_rule("/say", "say", lambda: (flash("hello", "info"), "")[1])
    shown = "{% for c, m in get_flashed_messages(true) %}{{ c }}:{{ m }}{% endfor %}{{ session.n }}"

    @both.get("/page")
    def page() -> str:
        session["n"] = 5
        return render_template_string(shown)

    client = both.test_client()
    client.get("/say")
    assert client.get("/page").text == "info:hello5"
    assert client.get("/page").text == "5"
