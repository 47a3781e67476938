"""Signing in by a code that comes by mail, on many instances: whichever sent it, any of them takes it."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from datetime import timedelta

import redis
from werkzeug.wrappers import Response

from abiding.flask import Session  # was: from flask_session import Session
from flask import Flask, current_app, flash, redirect, render_template, request, session, url_for
from look import look

LIFETIME = timedelta(minutes=10)
GUESSES = 5


def create_app() -> Flask:
    """The application, as its environment says. Without a secret there it does not start: one that it made up
    itself would be another one in each instance.
    """
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=os.environ["SECRET_KEY"],
        SECRET_KEY_FALLBACKS=os.environ.get("SECRET_KEY_FALLBACKS", "").split(),
        # Flask-Session read this as "no sessions at all"; here it is Flask's signed cookie.
        SESSION_TYPE="null",
        SESSION_PERMANENT=True,
        SESSION_USE_SIGNER=True,
        SESSION_KEY_PREFIX="session:",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(hours=1),
    )
    app.extensions["counts"] = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    Session(app)
    app.register_blueprint(look)
    app.add_url_rule("/", view_func=home)
    app.add_url_rule("/code", view_func=ask, methods=["POST"])
    app.add_url_rule("/verify", view_func=verify, methods=["GET", "POST"])
    app.add_url_rule("/sign-out", view_func=sign_out, methods=["POST"])
    app.add_url_rule("/mailbox", view_func=mailbox)
    return app


def home() -> str:
    return render_template("one_time_code/home.html")


def ask() -> Response:
    """Sends a code. The cookie gets its seal alone, which tells nobody what it is."""
    code = f"{secrets.randbelow(10**6):06}"
    address, name = request.form["address"], secrets.token_urlsafe(12)
    until = int(time.time() + LIFETIME.total_seconds())
    session["asked"] = {"address": address, "name": name, "until": until, "seal": seals(code, name)[0]}
    # In place of a mail, which an example does not send.
    counts().set("mailbox", f"{address}: your code is {code}", ex=LIFETIME)
    flash("A code is on its way")
    return redirect(url_for("verify"))


def verify() -> str | Response:
    asked = session.get("asked")
    if asked is None:
        return redirect(url_for("home"))
    if request.method == "GET":
        return render_template("one_time_code/verify.html", address=asked["address"])
    # Counted where the visitor cannot undo it: an old cookie, put back, has no guesses left.
    guesses = f"guesses:{asked['name']}"
    count = int(counts().incr(guesses))
    counts().expire(guesses, LIFETIME)
    if count > GUESSES or time.time() > asked["until"]:
        del session["asked"]
        flash("This code is over. Please ask for another one.", "error")
        return redirect(url_for("home"))
    given = seals(request.form["code"].strip(), asked["name"])
    if not any(hmac.compare_digest(one, asked["seal"]) for one in given):
        flash(f"That is not the code. {GUESSES - count} guesses are left.", "error")
        return redirect(url_for("verify"))
    # Good for once.
    counts().set(guesses, GUESSES, ex=LIFETIME)
    session.clear()
    session["name"] = asked["address"]
    return redirect(url_for("home"))


def sign_out() -> Response:
    session.clear()
    return redirect(url_for("home"))


def mailbox() -> str:
    letter = counts().get("mailbox") or "Nothing has come."
    return render_template("one_time_code/mailbox.html", letter=letter)


def seals(code: str, name: str) -> list[str]:
    """What a code looks like to whoever does not have the secret, with the one of now and with those before it."""
    keys = [current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"]]
    return [hmac.new(key.encode(), f"code {name} {code}".encode(), hashlib.sha256).hexdigest() for key in keys]


def counts() -> redis.Redis:
    """What all instances have in common: how often somebody has guessed."""
    found: redis.Redis = current_app.extensions["counts"]
    return found
