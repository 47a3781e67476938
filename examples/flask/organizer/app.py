"""Planning events: sessions in files while it is developed, on Redis in production."""

from __future__ import annotations

import os
from datetime import timedelta

from abiding.flask import Session  # was: from flask_session import Session
from flask import Flask
from look import look
from organizer.pages import register


def create_app() -> Flask:
    """The application, as its environment says."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=os.environ["SECRET_KEY"],
        SECRET_KEY_FALLBACKS=os.environ.get("SECRET_KEY_FALLBACKS", "").split(),
        SESSION_PERMANENT=True,
        SESSION_USE_SIGNER=True,
        SESSION_KEY_PREFIX="organizer:",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(days=7),
    )
    if os.environ.get("FLASK_ENV") == "production":
        app.config.update(
            SESSION_TYPE="redis",
            # A URL, which Flask-Session would have taken for a client.
            SESSION_REDIS=os.environ.get("REDIS_URL"),
            SESSION_COOKIE_SECURE=True,
        )
    else:
        app.config.update(
            SESSION_TYPE="filesystem",
            SESSION_FILE_DIR=os.path.join(os.environ["DATA"], "flask_session"),
            # Nobody is signed out to make room; this says nothing any more.
            SESSION_FILE_THRESHOLD=500,
        )
    Session(app)
    app.register_blueprint(look)
    register(app)
    return app
