"""Sessions for Flask: one import in place of Flask-Session or of Flask's own.

::

    from flask import Flask
    from abiding.flask import Session

    app = Flask(__name__)
    app.config.update(SECRET_KEY="...", SESSION_ABIDING_URL="sqlite:sessions.db")
    Session(app)

With the settings of Flask-Session (``SESSION_TYPE``, ``SESSION_REDIS`` …) sessions live where it keeps them,
and applications with it share them. With neither, they live in Flask's own signed cookie, byte for byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from abiding.flask import config
from abiding.flask.cli import abiding
from abiding.flask.cookie import SignedCookieSession, SignedCookieSessionInterface
from abiding.flask.failures import SessionEnded, SessionUnavailable
from abiding.flask.server import ServerSideSession, ServerSideSessionInterface

if TYPE_CHECKING:
    from flask import Flask
    from flask.sessions import SessionInterface

__all__ = [
    "ServerSideSession",
    "ServerSideSessionInterface",
    "Session",
    "SessionEnded",
    "SessionUnavailable",
    "SignedCookieSession",
    "SignedCookieSessionInterface",
]


class Session:
    """Gives an application its sessions: ``Session(app)``, or ``init_app`` in a factory."""

    def __init__(self, app: Flask | None = None) -> None:
        self.app = app
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Reads the configuration, and replaces ``app.session_interface``. The store is opened later, in
        the process that needs it.
        """
        app.session_interface = self._interface(app)
        app.cli.add_command(abiding)

    def _interface(self, app: Flask) -> SessionInterface:
        url = config.store_url(app)
        nowhere_else = not app.config.get("SESSION_ABIDING_ELSEWHERE")
        if url is None and config.flask_session_kind(app) is None and nowhere_else:
            return SignedCookieSessionInterface()
        return ServerSideSessionInterface(app, url)
