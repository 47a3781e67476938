"""Sessions in a store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from flask.sessions import SessionInterface, SessionMixin

from abiding import _native
from abiding.errors import AbidingError
from abiding.flask import config
from abiding.flask.failures import SessionEnded, SessionUnavailable, answer_instead, asked
from abiding.mapping import SessionDict

if TYPE_CHECKING:
    from flask import Flask, Request, Response

_T = TypeVar("_T")


class ServerSideSession(SessionDict, SessionMixin):
    """What ``flask.session`` is: a dict, fetched when the request first looks at it."""

    modified = False
    accessed = SessionDict.accessed
    new = SessionDict.new

    def __init__(self, interface: ServerSideSessionInterface, cookie_header: bytes | None) -> None:
        super().__init__(lambda: interface.sessions.open(cookie_header))
        self._interface = interface
        self._settled = False

    def __bool__(self) -> bool:
        # As in Flask-Session: how long it lasts is nothing that the application put there.
        self._look()
        return len(self) > ("_permanent" in self)

    def _ask(self, act: Callable[[], _T]) -> _T:
        return asked(act)

    def _fetched(self) -> None:
        # Flask keeps it among the values; the core keeps it beside them, for every host alike.
        persistent = self._info["persistent"] if self._info else self._interface.permanent
        if persistent:
            dict.__setitem__(self, "_permanent", True)

    def _values(self) -> dict[str, Any]:
        values = dict.copy(self)
        values.pop("_permanent", None)
        return values

    def login(self, subject: str) -> None:
        """Signs somebody in: takes a new id, and lets ``flask abiding revoke`` find the session.

        Happens by itself when the value at ``SESSION_ABIDING_SUBJECT`` (``_user_id``, where Flask-Login keeps
        it) appears or changes.
        """
        self._look()
        self._handle().login(subject)

    def settle(self, failed: bool) -> _native.Closing | None:
        if self._base is None or self._settled:
            # Flask settles the answer to a failure as well; it has nothing to store.
            return None
        self._settled = True
        return asked(lambda: self._settle(failed))

    def _settle(self, failed: bool) -> _native.Closing:
        native, base = self._handle(), self._base or {}
        stored = self._info is not None
        if not self and self.modified:
            native.logout()
            return native.close(failed)
        if self:
            persistent = bool(dict.get(self, "_permanent", False))
            known = self._info["persistent"] if self._info else False
            if persistent != known:
                native.set_persistent(persistent)
            key = self._interface.subject_key
            before, now = base.get(key), dict.get(self, key)
            if now is not None and now != before:
                native.login(str(now))
            elif now is None and before is not None and stored:
                # Signed out: what is left, a farewell message say, is a session of its own.
                native.logout()
                self._base = {}
        self._put()
        return native.close(failed)


class ServerSideSessionInterface(SessionInterface):
    """Opens and stores the sessions of an application."""

    session_class = ServerSideSession

    def __init__(self, app: Flask, url: str | None = None) -> None:
        self.permanent = bool(app.config.get("SESSION_PERMANENT", True))
        self.subject_key: str = app.config.get("SESSION_ABIDING_SUBJECT", "_user_id")
        #: The store's sessions, for ``count``, ``sweep``, ``sessions_of``, ``revoke`` and ``end_subject``.
        kind = config.flask_session_kind(app)
        if url is None and kind is not None:
            self.sessions = config.shared_sessions(app, self, kind)
        else:
            self.sessions = config.sessions(app, self, url or "")

    def open_session(self, app: Flask, request: Request) -> ServerSideSession:
        header = request.environ.get("HTTP_COOKIE")
        return self.session_class(self, header.encode("latin-1") if header else None)

    def regenerate(self, session: ServerSideSession) -> None:
        """As in Flask-Session: a new id for the session, when somebody signs in."""
        session.regenerate()

    def save_session(  # type: ignore[override]
        self, app: Flask, session: ServerSideSession, response: Response
    ) -> None:
        if session.accessed:
            response.vary.add("Cookie")
        try:
            closing = session.settle(response.status_code >= 500)
        except (SessionEnded, SessionUnavailable) as failure:
            answer_instead(app, response, failure)
            response.vary.add("Cookie")
            cookie = session._handle().parting_cookie()
            if cookie:
                response.headers.add("Set-Cookie", cookie)
            return
        except AbidingError:
            raise
        if closing is None:
            return
        if closing.set_cookie:
            response.vary.add("Cookie")
            response.headers.add("Set-Cookie", closing.set_cookie)
        # Whoever keeps answers for others must not keep this one, unless the application said otherwise.
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store" if closing.set_cookie else "private"
