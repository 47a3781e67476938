"""The shop in Flask: all that has not moved to Rust yet. Its sessions are those of the Rust half."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from werkzeug.wrappers import Response

from abiding.flask import Session
from flask import Flask, flash, redirect, render_template, request, session


def place() -> dict[str, Any]:
    """Where sessions lie, in the words of Flask-Session: `SESSIONS` is `cookie`, or the URL of a store."""
    sessions = os.environ["SESSIONS"]
    if sessions == "cookie":
        return {}
    if sessions.startswith("redis:"):
        import redis

        return {"SESSION_TYPE": "redis", "SESSION_REDIS": redis.Redis.from_url(sessions)}
    scheme, _, rest = sessions.partition(":")
    # As SQLAlchemy has them: three slashes before a path, and the name of the driver.
    url = f"sqlite:///{rest}" if scheme == "sqlite" else f"postgresql+psycopg2:{rest}"
    return {"SESSION_TYPE": "sqlalchemy", "SQLALCHEMY_DATABASE_URI": url}


def create_app(extension: Any = Session) -> Flask:
    """The application. Flask-Session's own `Session` does instead of ours, and for the cookie none at all."""
    # The style sheet of all examples: Flask serves it to both halves until it moves.
    app = Flask(__name__, static_folder="../../flask/look/static")
    app.config.update(
        SECRET_KEY=os.environ["SECRET_KEY"],
        SESSION_KEY_PREFIX="shop:",
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(days=2),
        # Where this says that somebody else is signed in, the session takes a new id.
        SESSION_ABIDING_SUBJECT="user",
        **place(),
    )
    if "SQLALCHEMY_DATABASE_URI" in app.config:
        from flask_sqlalchemy import SQLAlchemy

        app.config["SESSION_SQLALCHEMY"] = SQLAlchemy(app)
    if extension is not None:
        extension(app)
    app.add_url_rule("/", view_func=home)
    app.add_url_rule("/sign-in", view_func=sign_in, methods=["POST"])
    app.add_url_rule("/sign-out", view_func=sign_out, methods=["POST"])
    app.add_url_rule("/note", view_func=note, methods=["POST"])
    app.add_url_rule("/keep/<key>", view_func=keep, methods=["GET", "POST"])
    app.add_url_rule("/healthy", view_func=lambda: "yes", endpoint="healthy")
    return app


def home() -> str:
    return render_template("home.html")


def sign_in() -> Response:
    session["user"] = request.form["name"]
    return redirect("/")


def sign_out() -> Response:
    session.clear()
    flash("Goodbye")
    return redirect("/")


def note() -> Response:
    session["note"] = request.form["note"]
    flash("We have your note")
    # To the page that Rust makes.
    return redirect("/basket")


def keep(key: str) -> str | tuple[str, int]:
    """Remembers what a script asks it to remember: which boxes are open, say."""
    if request.method == "GET":
        return str(session.get(key, ""))
    session[key] = request.form["value"]
    return "", 204
