"""Planning events with nothing but Flask's own signed cookie, which is permanent."""

from __future__ import annotations

import os
from datetime import timedelta

from abiding.flask import Session  # was not there at all
from flask import Flask
from look import look
from organizer.pages import register


def create_app() -> Flask:
    """The application, as its environment says."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=os.environ["SECRET_KEY"],
        SECRET_KEY_FALLBACKS=os.environ.get("SECRET_KEY_FALLBACKS", "").split(),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(days=7),
    )
    Session(app)
    app.register_blueprint(look)
    register(app)
    return app
