"""Flask's own sessions: signed, in the cookie itself, made by the Rust core.

A subclass of Flask's interface, so that everything an extension or a subclass knows of it is there. What
was changed in Python, the serializer or the digest beyond the ones Flask has, goes Flask's own way.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, session_json_serializer
from werkzeug.http import dump_cookie, http_date

from abiding import _native
from abiding.flask import config

if TYPE_CHECKING:
    from flask import Flask, Request, Response
    from flask.sessions import SessionMixin


class SignedCookieSession(SecureCookieSession):
    """What ``flask.session`` is. A nested change counts as one."""

    _opened: _native.CookieValues | None = None


class SignedCookieSessionInterface(SecureCookieSessionInterface):
    """Reads and writes what :class:`flask.sessions.SecureCookieSessionInterface` reads and writes."""

    session_class = SignedCookieSession

    def __init__(self) -> None:
        self._codecs: dict[Any, _native.SignedCookies] = {}
        self._cookies: dict[str, Any] = {}
        #: The settings of the last request, and their codec.
        self._last: tuple[Any, _native.SignedCookies | None] = ((), None)
        self._templates: dict[Any, tuple[str, str, str]] = {}

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        codec = self._codec(app)
        if codec is None:
            return super().open_session(app, request)
        session = self.session_class()
        cookie = self._find(request, self.get_cookie_name(app))
        if cookie:
            session._opened = codec.open(cookie, session, self._now())
        return session

    def _find(self, request: Request, name: str) -> str | None:
        """The first cookie of the name, without having all the others read."""
        header: str | None = request.environ.get("HTTP_COOKIE")
        if not header:
            return None
        if ";" not in header and header.startswith(f"{name}=") and '"' not in header:
            return header[len(name) + 1 :].strip()
        search = self._cookies.get(name)
        if search is None:
            search = re.compile(rf"(?:^|;)\s*{re.escape(name)}\s*=\s*([^;]*)").search
            self._cookies[name] = search
        found = search(header)
        if found is None:
            return None
        value: str = found[1].rstrip()
        # What is quoted is left to Werkzeug to read.
        return request.cookies.get(name) if '"' in value else value

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        codec = self._codec(app)
        if codec is None or not isinstance(session, SignedCookieSession):
            super().save_session(app, session, response)
            return
        headers = response.headers
        accessed = session.accessed
        if accessed:
            _vary(response)
            if not session.modified and codec.differs(session._opened, session):
                session.modified = True
        if not session:
            if session.modified:
                before, _, after = self._template(app, removes=True)
                headers.add("Set-Cookie", before + after)
                if not accessed:
                    _vary(response)
            return
        if not self.should_set_cookie(app, session):
            return
        value = codec.write(session, self._now())
        expires = self.get_expiration_time(app, session)
        before, middle, after = self._template(app, expires=expires is not None)
        expiry = http_date(expires) if expires is not None else ""
        cookie = f"{before}{value}{middle}{expiry}{after}"
        if response.max_cookie_size and len(cookie) > response.max_cookie_size:
            # Werkzeug's own words of warning.
            self._spell(app, value, expires=expiry or None, max_size=response.max_cookie_size)
        headers.add("Set-Cookie", cookie)
        if not accessed:
            _vary(response)

    def _now(self) -> int | None:
        """Unix seconds, for tests; the clock of the core otherwise."""
        return None

    def _codec(self, app: Flask) -> _native.SignedCookies | None:
        """The codec for the settings of the moment; ``None`` where Flask has to see to it itself."""
        # Extensions and tests change settings between requests, so they are looked at in each.
        secret = app.secret_key
        if (
            not secret
            or self.serializer is not session_json_serializer
            or type(self).get_signing_serializer is not SecureCookieSessionInterface.get_signing_serializer
        ):
            return None
        fallbacks = app.config.get("SECRET_KEY_FALLBACKS")
        key = (
            secret,
            tuple(fallbacks) if fallbacks else (),
            app.permanent_session_lifetime,
            self.salt,
            self.key_derivation,
            self.digest_method,
            getattr(app.json, "sort_keys", True),
        )
        last = self._last
        if key == last[0]:
            return last[1]
        codec = self._codecs.get(key)
        if codec is None:
            codec = self._codecs[key] = _native.SignedCookies(
                config.secrets(app),
                max_age=int(app.permanent_session_lifetime.total_seconds()),
                salt=self.salt,
                derivation=self.key_derivation,
                digest=type(self).digest_method(b"").name,
                sort_keys=bool(key[-1]),
            )
            # Settings that change at every request would otherwise fill the memory.
            for old in list(self._codecs)[:-8]:
                del self._codecs[old]
        self._last = (key, codec)
        return codec

    def _template(self, app: Flask, expires: bool = False, removes: bool = False) -> tuple[str, str, str]:
        """The header around the value and the expiry, spelt by Werkzeug once for each set of settings."""
        key = (*self._attributes(app).values(), expires, removes)
        template = self._templates.get(key)
        if template is None:
            if removes:
                spelt = self._spell(app, "", expires=0, max_age=0)
                template = (spelt, "", "")
            else:
                spelt = self._spell(app, "VALUE", expires="EXPIRY" if expires else None)
                before, after = spelt.split("VALUE", 1)
                middle, _, after = after.partition("EXPIRY") if expires else (after, "", "")
                template = (before, middle, after)
            self._templates[key] = template
            for old in list(self._templates)[:-16]:
                del self._templates[old]
        return template

    def _spell(self, app: Flask, value: str, max_size: int = 0, **lifetime: Any) -> str:
        return dump_cookie(value=value, max_size=max_size, **self._attributes(app), **lifetime)

    def _attributes(self, app: Flask) -> dict[str, Any]:
        attributes = {
            "key": self.get_cookie_name(app),
            "domain": self.get_cookie_domain(app),
            "path": self.get_cookie_path(app),
            "secure": self.get_cookie_secure(app),
            "httponly": self.get_cookie_httponly(app),
            "samesite": self.get_cookie_samesite(app),
        }
        # Flask 3.1 and later.
        if hasattr(self, "get_cookie_partitioned"):
            attributes["partitioned"] = self.get_cookie_partitioned(app)
        return attributes


def _vary(response: Response) -> None:
    """Says that the response depends on the cookies."""
    # Looked through: to ask for a header that is not there costs an exception.
    for name, _ in response.headers:
        if name.lower() == "vary":
            response.vary.add("Cookie")
            return
    response.headers.add("Vary", "Cookie")
