"""The sessions of one application in one store, whatever process asks for them."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from abiding import _native
from abiding.errors import AbidingError
from abiding.info import FlaskSessionSettings, Info


class Sessions:
    """Opens sessions in the store at a URL.

    The store is opened when the first session is looked at, and anew in each forked process: a server may
    import the application, fork, and never share a connection. The arguments are those of the native class.
    """

    def __init__(self, url: str, *, sweep_seconds: float = 600.0, **settings: Any) -> None:
        self._begin(lambda: _native.Sessions(url, **settings), sweep_seconds)

    @classmethod
    def flask_session(
        cls, shared: FlaskSessionSettings, *, sweep_seconds: float = 600.0, **settings: Any
    ) -> Sessions:
        """Sessions where Flask-Session keeps them, as it keeps them."""
        sessions = cls.__new__(cls)
        sessions._begin(lambda: _native.Sessions.flask_session(shared, **settings), sweep_seconds)
        return sessions

    @classmethod
    def flask_cookie(cls, secrets: list[bytes], **settings: Any) -> Sessions:
        """Sessions in Flask's own signed cookie, for whoever moves from there or to there."""
        sessions = cls.__new__(cls)
        sessions._begin(lambda: _native.Sessions.flask_cookie(secrets, **settings), 0)
        return sessions

    def elsewhere(self, others: list[tuple[Sessions, str]]) -> Sessions:
        """The same sessions, which may also live in other places: each with what becomes of those that do,
        ``probe``, ``move`` or ``mirror``.
        """
        sessions = type(self).__new__(type(self))
        seconds = max([self._sweep_seconds, *(other._sweep_seconds for other, _ in others)])
        places = [(other._make, phase) for other, phase in others]
        make = self._make
        sessions._begin(lambda: make().elsewhere([(place(), phase) for place, phase in places]), seconds)
        return sessions

    def _begin(self, make: Callable[[], _native.Sessions], sweep_seconds: float) -> None:
        self._make = make
        self._native = make()
        self._sweep_seconds = sweep_seconds
        # The processes of a server begin together and need not sweep together.
        self._next_sweep = time.monotonic() + sweep_seconds * (0.5 + os.getpid() % 100 / 100)
        if hasattr(os, "register_at_fork"):
            _follow_forks(weakref.ref(self))

    def _forked(self) -> None:
        self._native.forget()
        self._native = self._make()

    def open(self, cookie_header: bytes | None) -> _native.Session:
        """The session of a request with this ``Cookie`` header."""
        if self._sweep_seconds and time.monotonic() >= self._next_sweep:
            self._next_sweep = time.monotonic() + self._sweep_seconds
            threading.Thread(target=self._sweep_quietly, name="abiding-sweep", daemon=True).start()
        return self._native.open(cookie_header)

    def connect(self) -> None:
        """Opens the store now: to learn early whether it is there."""
        self._native.connect()

    def sweep(self) -> int:
        """Removes all sessions that ended by themselves, in small batches, and answers how many there were.

        Happens now and then by itself.
        """
        removed, more = self._native.sweep(200)
        while more:
            time.sleep(0.02)
            batch, more = self._native.sweep(200)
            removed += batch
        return removed

    def _sweep_quietly(self) -> None:
        try:
            self.sweep()
        except AbidingError:
            # The next one goes on where this one stopped.
            pass

    def count(self) -> int:
        """How many sessions live."""
        return self._native.count()

    def sessions_of(self, subject: str) -> list[Info]:
        """The living sessions of somebody signed in, the most recently seen first."""
        return self._native.sessions_of(subject)

    def end_subject(self, subject: str) -> int:
        """Ends every session of somebody, and answers how many there were."""
        return self._native.end_subject(subject)

    def revoke(self, subject: str, handle: str) -> bool:
        """Ends one session of somebody, by its handle. ``False`` if there is none (any more)."""
        return self._native.revoke(subject, handle)


def _follow_forks(reference: weakref.ref[Sessions]) -> None:
    """Has a forked child open the store for itself."""

    def forked() -> None:
        sessions = reference()
        if sessions is not None:
            sessions._forked()

    os.register_at_fork(after_in_child=forked)
