"""Sessions in a store."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from flask.sessions import SessionInterface, SessionMixin

from abiding import _native
from abiding.flask import config
from abiding.flask.failures import SessionEnded, SessionUnavailable, answer_instead, asked
from abiding.mapping import SessionDict

if TYPE_CHECKING:
    from flask import Flask, Request, Response

_T = TypeVar("_T")

#: Where Flask keeps whether the cookie outlives the browser.
PERMANENT = "_permanent"
#: Where Flask keeps messages until a page shows them.
FLASHES = "_flashes"


class ServerSideSession(SessionDict, SessionMixin):
    """What ``flask.session`` is: a dict, fetched when the request first looks at it."""

    modified = False
    accessed = SessionDict.accessed
    new = SessionDict.new

    _beside = PERMANENT
    _settled = False

    def __init__(self, interface: ServerSideSessionInterface, cookie_header: bytes | None) -> None:
        super().__init__(partial(interface.sessions.open, cookie_header))
        self._interface = interface

    def __bool__(self) -> bool:
        # As in Flask-Session: how long it lasts is nothing that the application put there.
        if not self._loaded:
            self._look()
        return dict.__len__(self) > dict.__contains__(self, PERMANENT)

    def _ask(self, act: Callable[..., _T], *arguments: Any) -> _T:
        return asked(act, *arguments)

    def _fetched(self, persistent: bool) -> None:
        # Flask keeps it among the values; the core keeps it beside them, for every host alike.
        self._was_persistent = persistent
        self._was_subject = dict.get(self, self._interface.subject_key)
        flashes = dict.get(self, FLASHES)
        self._was_flashes = list(flashes) if isinstance(flashes, list) else []
        if persistent or (not self._stored and self._interface.permanent):
            dict.__setitem__(self, PERMANENT, True)

    def login(self, subject: str) -> None:
        """Signs somebody in: takes a new id, and lets ``flask abiding revoke`` find the session.

        Happens by itself when the value at ``SESSION_ABIDING_SUBJECT`` (``_user_id``, where Flask-Login keeps
        it) appears or changes.
        """
        self._look()
        self._handle().login(subject)

    def settle(self, failed: bool) -> _native.Closing | None:
        if not self._loaded or self._settled:
            # Flask settles the answer to a failure as well; it has nothing to store.
            return None
        self._settled = True
        return asked(self._settle, failed)

    def _settle(self, failed: bool) -> _native.Closing:
        native = self._handle()
        if not self:
            if self.modified:
                native.logout()
                return native.close(failed)
            return native.settle(self, PERMANENT, failed)
        persistent = bool(dict.get(self, PERMANENT, False))
        if persistent != self._was_persistent:
            native.set_persistent(persistent)
        before, now = self._was_subject, dict.get(self, self._interface.subject_key)
        if now is not None and now != before:
            native.login(str(now))
        elif now is None and before is not None and self._stored:
            # Signed out: what is left, a farewell message say, is a session of its own.
            native.logout()
            return native.settle(self, PERMANENT, failed)
        flashes = dict.get(self, FLASHES)
        if self._stored and (flashes or []) != self._was_flashes and isinstance(flashes, (list, type(None))):
            # Another request may flash, or show what was flashed, at the same time.
            native.merge(FLASHES, self._was_flashes, flashes)
        return native.settle(self, PERMANENT, failed)


class ServerSideSessionInterface(SessionInterface):
    """Opens and stores the sessions of an application."""

    session_class = ServerSideSession

    def __init__(self, app: Flask, url: str | None = None) -> None:
        kept_in_cookie = url is None and config.flask_session_kind(app) is None
        # Where the cookie is Flask's own, so is the rule.
        self.permanent = not kept_in_cookie and bool(app.config.get("SESSION_PERMANENT", True))
        self.subject_key: str = app.config.get("SESSION_ABIDING_SUBJECT", "_user_id")
        #: The store's sessions, for ``count``, ``sweep``, ``sessions_of``, ``revoke`` and ``end_subject``.
        self.sessions = config.place(app, self)
        elsewhere = config.elsewhere(app, self)
        if elsewhere:
            self.sessions = self.sessions.elsewhere(elsewhere)

    def open_session(self, app: Flask, request: Request) -> ServerSideSession:
        header = request.environ.get("HTTP_COOKIE")
        return self.session_class(self, header.encode("latin-1") if header else None)

    def regenerate(self, session: ServerSideSession) -> None:
        """As in Flask-Session: a new id for the session, when somebody signs in."""
        session.regenerate()

    def save_session(  # type: ignore[override]
        self, app: Flask, session: ServerSideSession, response: Response
    ) -> None:
        if not session.accessed:
            return
        try:
            closing = session.settle(response.status_code >= 500)
        except (SessionEnded, SessionUnavailable) as failure:
            answer_instead(app, response, failure)
            response.vary.add("Cookie")
            cookie = session._handle().parting_cookie()
            if cookie:
                response.headers.add("Set-Cookie", cookie)
            return
        headers = response.headers
        # Looked through once: to ask for a header that is not there costs an exception each.
        named = {name.lower() for name, _ in headers}
        if "vary" in named:
            response.vary.add("Cookie")
        else:
            headers.add("Vary", "Cookie")
        if closing is None:
            return
        cookie = closing.set_cookie
        if cookie:
            headers.add("Set-Cookie", cookie)
        # Whoever keeps answers for others must not keep this one, unless the application said otherwise.
        if "cache-control" not in named:
            headers.add("Cache-Control", "no-store" if cookie else "private")
