"""What an application's configuration means. Read once, in ``init_app``; what cannot work is said there."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from abiding.errors import ConfigError
from abiding.flask import flask_session
from abiding.info import Cookie
from abiding.sessions import Sessions

if TYPE_CHECKING:
    from flask import Flask
    from flask.sessions import SessionInterface

#: Browsers keep no cookie for longer.
LONGEST = timedelta(days=400)

#: What Flask-Session calls its back ends.
_TYPES = "redis memcached filesystem cachelib mongodb sqlalchemy dynamodb".split()


def store_url(app: Flask) -> str | None:
    """The URL of the store, or ``None`` for Flask's signed cookie."""
    url = app.config.get("SESSION_ABIDING_URL")
    kind = app.config.get("SESSION_TYPE")
    kind = kind.lower() if isinstance(kind, str) else kind
    if url is not None:
        if not isinstance(url, str) or not url:
            raise ConfigError(
                f"SESSION_ABIDING_URL is {type(url).__name__}{'' if url else ' (empty)'}: write a URL such as"
                " 'sqlite:sessions.db', 'redis://localhost:6379/0' or 'postgresql://user@host/db'"
            )
        return _anchored(app, url)
    if kind in (None, "null", "cookie") or kind in _TYPES:
        return None
    raise ConfigError(
        f"SESSION_TYPE={kind!r} is no kind of session: leave it out for Flask's signed cookie, or name a"
        " store with SESSION_ABIDING_URL"
    )


def flask_session_kind(app: Flask) -> str | None:
    """The back end of Flask-Session that the application names, if it names one."""
    kind = app.config.get("SESSION_TYPE")
    named = isinstance(kind, str) and kind.lower() in _TYPES
    return str(kind).lower() if named and app.config.get("SESSION_ABIDING_URL") is None else None


def place(app: Flask, interface: SessionInterface) -> Sessions:
    """The sessions in the one place that the configuration of the moment names."""
    url, kind = store_url(app), flask_session_kind(app)
    if url is not None:
        return sessions(app, interface, url)
    if kind is not None:
        return shared_sessions(app, interface, kind)
    lifetime = app.permanent_session_lifetime.total_seconds()
    return Sessions.flask_cookie(secrets(app), lifetime_seconds=lifetime, cookie=cookie(app, interface))


def elsewhere(app: Flask, interface: SessionInterface) -> list[tuple[Sessions, str]]:
    """The other places where sessions may live: the configuration as it was, or will be, and the phase."""
    others = app.config.get("SESSION_ABIDING_ELSEWHERE") or []
    found = []
    for other in others:
        if not isinstance(other, Mapping) or "phase" not in other:
            raise ConfigError(
                "SESSION_ABIDING_ELSEWHERE is a list of settings, each with a phase, like"
                " {'phase': 'move', 'SESSION_TYPE': 'redis', 'SESSION_REDIS': …}"
            )
        settings = {name: value for name, value in other.items() if name != "phase"}
        with _configured(app, settings):
            found.append((place(app, interface), str(other["phase"])))
    return found


@contextmanager
def _configured(app: Flask, settings: Mapping[str, Any]) -> Iterator[None]:
    """The configuration with these settings in place of those that say where sessions are."""
    before = dict(app.config)
    try:
        for name in ("SESSION_TYPE", "SESSION_ABIDING_URL"):
            app.config.pop(name, None)
        app.config.update(settings)
        yield
    finally:
        app.config.clear()
        app.config.update(before)


def shared_sessions(app: Flask, interface: SessionInterface, kind: str) -> Sessions:
    """The sessions that Flask-Session's back end of this kind would keep."""
    settings: dict[str, Any] = {
        "cookie": cookie(app, interface),
        "sweep_seconds": app.config.get("SESSION_ABIDING_SWEEP_SECONDS", 600.0),
    }
    if "SESSION_ABIDING_SIZE_LIMIT" in app.config:
        settings["size_limit"] = app.config["SESSION_ABIDING_SIZE_LIMIT"]
    return Sessions.flask_session(flask_session.settings(app, kind, secrets(app)), **settings)


def _anchored(app: Flask, url: str) -> str:
    """The same URL, with a relative path taken from the application's instance folder.

    The working directory is another one in each way of starting an application, and so would the sessions be.
    """
    scheme, _, path = url.partition(":")
    if scheme not in ("sqlite", "file") or not path:
        return url
    if path.startswith("///"):
        if "/" not in path[3:]:
            raise ConfigError(
                f"SESSION_ABIDING_URL={url!r} names a file in the root folder: three slashes begin an"
                f" absolute path. For one in the instance folder, write '{scheme}:{path[3:]}'"
            )
        return url
    if path.startswith("/"):
        return url
    os.makedirs(app.instance_path, exist_ok=True)
    return f"{scheme}:{quote(app.instance_path)}/{path}"


def sessions(app: Flask, interface: SessionInterface, url: str) -> Sessions:
    """The sessions in the store at ``url``, as the application's configuration has them."""
    config = app.config
    absolute = min(_duration(config, "SESSION_ABIDING_ABSOLUTE_LIFETIME", LONGEST), LONGEST)
    settings: dict[str, Any] = {
        "cookie": cookie(app, interface),
        "keys": config.get("SESSION_ABIDING_KEYS"),
        "realm": config.get("SESSION_ABIDING_REALM", "default"),
        "idle_seconds": app.permanent_session_lifetime.total_seconds(),
        "absolute_seconds": absolute.total_seconds(),
        "slide": bool(config.get("SESSION_REFRESH_EACH_REQUEST", True)),
        "size_limit": config.get("SESSION_ABIDING_SIZE_LIMIT", 65_536),
        "sweep_seconds": config.get("SESSION_ABIDING_SWEEP_SECONDS", 600.0),
    }
    if settings["keys"] is None:
        settings["secrets"] = secrets(app)
        if not settings["secrets"]:
            raise ConfigError(
                "there is no SECRET_KEY: set it before Session(app), or name where the keys are, like"
                " SESSION_ABIDING_KEYS='file:/etc/app/session.keys'"
            )
    try:
        # Made once to learn early what is wrong; nothing is opened by that.
        sessions = Sessions(url, **settings)
    except ConfigError as error:
        if not (app.debug or app.testing) or "secret" not in str(error):
            raise
        warnings.warn(f"for development only: {error}", stacklevel=4)
        sessions = Sessions(url, trust_any_secret=True, **settings)
    return sessions


def secrets(app: Flask) -> list[bytes]:
    """The application's secrets: the signing one, then the fallbacks from the last to the first."""
    if not app.secret_key:
        return []
    fallbacks = app.config.get("SECRET_KEY_FALLBACKS") or []
    return [_bytes("SECRET_KEY", app.secret_key)] + [
        _bytes("SECRET_KEY_FALLBACKS", secret) for secret in reversed(list(fallbacks))
    ]


def cookie(app: Flask, interface: SessionInterface) -> Cookie:
    """The cookie as the application's settings have it, normalised as Werkzeug does it."""
    domain = interface.get_cookie_domain(app)
    if domain:
        domain = domain.partition(":")[0].lstrip(".").encode("idna").decode("ascii")
    return {
        "name": interface.get_cookie_name(app),
        "domain": domain or None,
        "path": quote(interface.get_cookie_path(app), safe="%!$&'()*+,/:=@"),
        "secure": bool(interface.get_cookie_secure(app)),
        "http_only": bool(interface.get_cookie_httponly(app)),
        "same_site": interface.get_cookie_samesite(app),
        # Flask 3.1 and later.
        "partitioned": bool(getattr(interface, "get_cookie_partitioned", lambda app: False)(app)),
    }


def _bytes(name: str, secret: Any) -> bytes:
    if isinstance(secret, str):
        return secret.encode()
    if isinstance(secret, (bytes, bytearray)):
        return bytes(secret)
    raise ConfigError(f"{name} must be str or bytes, not {type(secret).__name__}")


def _duration(config: Any, name: str, default: timedelta) -> timedelta:
    value = config.get(name, default)
    if isinstance(value, timedelta):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return timedelta(seconds=value)
    raise ConfigError(f"{name} must be a timedelta or seconds, not {type(value).__name__}")
