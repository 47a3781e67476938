from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

from flask import Flask, flash, get_flashed_messages, session
from flask_session import Session

app = Flask(__name__)
app.config.from_prefixed_env()
Session(app)

VALUES = {
    "basket": [{"item": "t\u00e9", "price": Decimal("2.50")}, None, True],
    "birthday": date(2000, 2, 29),
    "bytes": b"\x00\xff",
    "elapsed": timedelta(days=1, microseconds=1),
    "numbers": (1, 2.5, -(2**70)),
    "tags": {"a", "b"},
    "uuid": UUID(int=5),
    "when": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone.utc),
}


@app.get("/healthy")
def healthy():
    return ""


@app.get("/sign-in/<name>")
def sign_in(name):
    session["name"] = name
    session["n"] = 0
    session.update(VALUES)
    flash(f"welcome {name}", "info")
    return ""


@app.get("/sign-out")
def sign_out():
    session.clear()
    return ""


@app.get("/add")
def add():
    session["n"] += 1
    return str(session["n"])


@app.get("/look")
def look():
    same = all(
        type(session.get(key)) is type(value) and session[key] == value for key, value in VALUES.items()
    )
    return f"{session.get('name', 'nobody')} {session.get('n')} {same}"


@app.get("/flashed")
def flashed():
    return repr(get_flashed_messages(with_categories=True))


@app.get("/through")
def through():
    return type(app.session_interface).__module__
