"""Announcements for several platforms: one is chosen, and what is published goes there and nowhere else."""

from __future__ import annotations

import os
from datetime import timedelta

from flask_sqlalchemy import SQLAlchemy
from werkzeug.wrappers import Response

from abiding.flask import Session  # was: from flask_session import Session
from flask import Flask, abort, flash, redirect, render_template, request, session, url_for
from look import look

PLATFORMS = {"shop": "The shop", "news": "The newsletter", "video": "The video channel"}


def create_app() -> Flask:
    """The application, as its environment says."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=os.environ["SECRET_KEY"],
        SECRET_KEY_FALLBACKS=os.environ.get("SECRET_KEY_FALLBACKS", "").split(),
        SESSION_PERMANENT=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_ABIDING_SUBJECT="name",
        PERMANENT_SESSION_LIFETIME=timedelta(days=7),
    )
    # Where sessions live: in a table, as they did, or in Flask's signed cookie. Whoever still has one in the other
    # place brings it along, in either direction.
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{os.environ['DATA']}/platforms.db"
    table = {"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY": SQLAlchemy(app)}
    cookie = {"SESSION_TYPE": None}
    here, before = (table, cookie) if os.environ.get("PLATFORMS_SESSIONS") == "table" else (cookie, table)
    app.config.update(here, SESSION_ABIDING_ELSEWHERE=[{"phase": "move", **before}])
    Session(app)
    app.register_blueprint(look)
    app.add_url_rule("/", view_func=home)
    app.add_url_rule("/sign-in", view_func=sign_in, methods=["POST"])
    app.add_url_rule("/sign-out", view_func=sign_out, methods=["POST"])
    app.add_url_rule("/switch/<platform>", view_func=switch, methods=["POST"])
    app.add_url_rule("/publish", view_func=publish, methods=["POST"])
    return app


def home() -> str:
    chosen = session.get("platform", "shop")
    return render_template("platforms/home.html", platforms=PLATFORMS, chosen=chosen)


def sign_in() -> Response:
    session.permanent = True
    session["name"] = request.form["name"]
    return redirect(url_for("home"))


def sign_out() -> Response:
    session.clear()
    return redirect(url_for("home"))


def switch(platform: str) -> Response:
    if platform not in PLATFORMS or "name" not in session:
        abort(404)
    session["platform"] = platform
    return redirect(url_for("home"))


def publish() -> Response:
    if "name" not in session:
        abort(403)
    # The form says for which platform it was filled in: another tab may have switched since.
    chosen, meant = session.get("platform", "shop"), request.form["platform"]
    if chosen != meant:
        flash(f"Nothing was published: you have switched to {PLATFORMS[chosen]} meanwhile", "error")
    else:
        published = {"text": request.form["text"], "on": chosen}
        session["published"] = [*session.get("published", []), published][-5:]
        flash(f"Published on {PLATFORMS[chosen]}")
    return redirect(url_for("home"))
