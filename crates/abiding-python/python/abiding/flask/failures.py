"""Failures as Flask answers them: an HTTP status, and a message for the log that visitors do not see."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from werkzeug.exceptions import Conflict, HTTPException, ServiceUnavailable

from abiding.errors import (
    AbidingError,
    ContendedError,
    CorruptError,
    GoneError,
    RandomnessError,
    UnavailableError,
)

if TYPE_CHECKING:
    from flask import Flask, Response

_T = TypeVar("_T")


class SessionUnavailable(UnavailableError, ServiceUnavailable):
    """The session could not be read or stored: 503. It is never replaced by an empty one."""

    def __init__(self, message: str = "") -> None:
        ServiceUnavailable.__init__(self, retry_after=1)
        self.args = (message,)

    def __str__(self) -> str:
        return f"{self.code} {self.name}: {self.args[0]}"


class SessionEnded(GoneError, Conflict):
    """The session ended while the request was running, and what it wrote was dropped: 409."""

    description = "Your session ended in the meantime. Please begin again."

    def __init__(self, message: str = "") -> None:
        Conflict.__init__(self)
        self.args = (message,)

    def __str__(self) -> str:
        return f"{self.code} {self.name}: {self.args[0]}"


def asked(act: Callable[..., _T], *arguments: Any) -> _T:
    """Does it, with failures as HTTP exceptions."""
    try:
        return act(*arguments)
    except (SessionUnavailable, SessionEnded):
        raise
    except GoneError as error:
        raise SessionEnded(str(error)) from error
    except (ContendedError, CorruptError, RandomnessError, UnavailableError) as error:
        raise SessionUnavailable(str(error)) from error


def answer_instead(app: Flask, response: Response, failure: AbidingError) -> None:
    """Turns a response that must not be sent into the one that the application has for this failure."""
    assert isinstance(failure, HTTPException)
    app.logger.error("the session could not be stored: %s", failure)
    instead: Any = app.make_response(app.handle_user_exception(failure))
    response.close()
    response.status = instead.status
    response.headers.clear()
    response.headers.extend(instead.headers)
    response.direct_passthrough = instead.direct_passthrough
    response.response = instead.response
    response.headers["Cache-Control"] = "no-store"
