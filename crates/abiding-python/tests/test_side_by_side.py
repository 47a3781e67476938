"""What Flask's documentation promises of a session and its cookie, in a store of ours and in Flask itself."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask, session
from flask.sessions import SecureCookieSessionInterface

from conftest import MakeApp

SETTINGS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "every attribute": {
        "SESSION_COOKIE_NAME": "sid",
        "SESSION_COOKIE_DOMAIN": ".example.com",
        "SESSION_COOKIE_PATH": "/app",
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_SAMESITE": "lax",
    },
    "legible to scripts": {"SESSION_COOKIE_HTTPONLY": False, "SESSION_COOKIE_SAMESITE": "Strict"},
    "partitioned": {"SESSION_COOKIE_PARTITIONED": True, "SESSION_COOKIE_SAMESITE": "None"},
    "application root": {"APPLICATION_ROOT": "/root"},
    "not refreshed": {"SESSION_REFRESH_EACH_REQUEST": False},
}


def forever() -> None:
    session.permanent = True
    session["a"] = 2


VIEWS: dict[str, Any] = {
    "untouched": lambda: None,
    "read": lambda: session.get("a"),
    "in": lambda: "a" in session,
    "len": lambda: len(session),
    "bool": lambda: bool(session),
    "write": lambda: session.__setitem__("a", 1),
    "another value": lambda: session.__setitem__("a", 3),
    "permanent": forever,
    "clear": lambda: session.clear(),
    "pop what is not there": lambda: session.pop("nothing", None),
}


def seen(app: Flask, view: str, cookie: str) -> tuple[int, str | None, list[str]]:
    """Status, Vary, and cookies: each without its value, and without the moment of a lifetime that runs."""
    headers = {"Cookie": cookie} if cookie else {}
    answer = app.test_client(use_cookies=False).get(f"/{view}", headers=headers)
    cookies = []
    for text in answer.headers.getlist("Set-Cookie"):
        if "Max-Age=0" not in text:
            text = re.sub("=[^;]+", "=VALUE", text, count=1)
            text = re.sub("Expires=[^;]+", "Expires=LATER", text)
        cookies.append(text)
    return answer.status_code, answer.headers.get("Vary"), cookies


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_headers_are_those_of_flask(make_app: MakeApp, settings: dict[str, Any]) -> None:
    # Flask's own default; that of Flask-Session, which we have, is another.
    ours = make_app(SESSION_PERMANENT=False, **settings)
    theirs = make_app(**settings)
    theirs.session_interface = SecureCookieSessionInterface()
    held = {}
    for app in (ours, theirs):
        for name, act in VIEWS.items():
            app.add_url_rule(f"/{name}", name, lambda act=act: (act(), "")[1])
    for begins_with in ("", "write", "permanent"):
        for view in VIEWS:
            for app in (ours, theirs):
                held[app] = ""
                if begins_with:
                    begun = app.test_client(use_cookies=False).get(f"/{begins_with}")
                    held[app] = begun.headers["Set-Cookie"].partition(";")[0]
            mine, expected = (seen(app, view, held[app]) for app in (ours, theirs))
            if begins_with and not mine[2] and "Max-Age=0" not in "".join(expected[2]):
                # Flask's cookie is the session, and so is sent whenever that is written, or is permanent.
                # Ours names it, and stays what it is; when it is sent anew test_session has.
                assert view == "untouched" or mine[:2] == expected[:2], (begins_with, view)
                continue
            if not begins_with and view == "clear":
                # The browser has nothing that is to be taken away; Flask does not look.
                assert mine == (*expected[:2], [])
                continue
            assert mine == expected, (begins_with, view)
