"""Joining a movement in five steps. Until they are sent, the answers lie in the session, in PostgreSQL."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any, NamedTuple

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from abiding.flask import Session  # was: from flask_session import Session
from flask import Flask, abort, flash, redirect, render_template, request, session, url_for
from look import look

db = SQLAlchemy()


class Application(db.Model):  # type: ignore[name-defined, misc]
    """What somebody has sent."""

    id = db.Column(db.Integer, primary_key=True)
    id_number = db.Column(db.String(32), unique=True, nullable=False)
    answers = db.Column(db.JSON, nullable=False)


class Field(NamedTuple):
    name: str
    label: str
    kind: str = "text"
    choices: tuple[str, ...] = ()


#: The steps that ask something; the fifth one shows the answers. Each has a key of its own in the session, so two of
#: them can be stored at once, from two tabs.
STEPS = {
    "personal": [Field("first_names", "First names"), Field("surname", "Surname"), Field("id_number", "ID number")],
    "contact": [Field("email", "E-mail", "email"), Field("phone", "Phone", "tel"), Field("town", "Town")],
    "declaration": [Field("agrees", "I agree to the rules", "checkbox"), Field("signature", "Your name as signature")],
    "payment": [Field("method", "How will you pay?", "select", ("Bank transfer", "Cash at the branch"))],
}
REVIEW = "review"


def create_app() -> Flask:
    """The application, as its environment says."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=os.environ["SECRET_KEY"],
        SECRET_KEY_FALLBACKS=os.environ.get("SECRET_KEY_FALLBACKS", "").split(),
        SQLALCHEMY_DATABASE_URI=os.environ["DATABASE_URL"],
        SESSION_TYPE="sqlalchemy",
        SESSION_SQLALCHEMY=db,
        SESSION_SQLALCHEMY_TABLE="sessions",
        SESSION_PERMANENT=True,
        SESSION_USE_SIGNER=True,
        SESSION_KEY_PREFIX="membership:",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(hours=24),
    )
    db.init_app(app)
    Session(app)
    with app.app_context():
        db.create_all()
    app.register_blueprint(look)
    app.add_url_rule("/", view_func=begin)
    app.add_url_rule("/step/<slug>", view_func=step, methods=["GET", "POST"])
    app.add_url_rule("/review", view_func=review)
    app.add_url_rule("/send", view_func=send, methods=["POST"])
    app.add_url_rule("/done", view_func=done)
    return app


def next_step() -> str:
    """Where the visitor goes on: the first step without answers."""
    return next((slug for slug in STEPS if slug not in session), REVIEW)


def address(slug: str) -> str:
    return url_for("review") if slug == REVIEW else url_for("step", slug=slug)


def begin() -> Response:
    return redirect(address(next_step()))


def step(slug: str) -> str | Response:
    fields = STEPS.get(slug)
    if fields is None:
        abort(404)
    if request.method == "POST":
        session[slug] = {field.name: request.form.get(field.name, "") for field in fields}
        return redirect(address(next_step()))
    return page("step.html", slug, fields=fields, answers=session.get(slug, {}))


def review() -> str | Response:
    if (missing := next_step()) != REVIEW:
        return redirect(address(missing))
    return page("review.html", REVIEW, answers={slug: session[slug] for slug in STEPS}, steps=STEPS)


def send() -> Response:
    if (missing := next_step()) != REVIEW:
        return redirect(address(missing))
    answers: dict[str, Any] = {}
    for slug in STEPS:
        answers.update(session[slug])
    application = Application(id_number=answers["id_number"], answers=answers)
    db.session.add(application)
    try:
        db.session.commit()
    except IntegrityError:
        # The application's own transaction is broken now. The session has a connection of its own, and is stored.
        flash("Somebody with this ID number has applied before. Is it right?", "error")
        return redirect(address("personal"))
    for slug in STEPS:
        del session[slug]
    session["number"] = f"M-{application.id:05}"
    return redirect(url_for("done"))


def done() -> str | Response:
    if "number" not in session:
        return redirect(url_for("begin"))
    return page("done.html", REVIEW, number=session["number"])


def page(name: str, current: str, **values: Any) -> str:
    return render_template(f"membership/{name}", current=current, all_steps=[*STEPS, REVIEW], **values)
