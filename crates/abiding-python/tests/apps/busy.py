"""An application for many requests at once. Its settings come from the environment, as a server's do."""

import json
import os
import time

from flask import Flask, request, session

from abiding.flask import Session

app = Flask(__name__)
app.config.update(json.loads(os.environ["SETTINGS"]))
Session(app)

if os.environ.get("OPENED_BEFORE_THE_FORK"):
    # What a server does that warms an application up before it forks: its workers inherit an open store.
    with app.test_client().session_transaction() as warm:
        warm["warm"] = True


def wait() -> None:
    time.sleep(float(request.args.get("ms", 0)) / 1000)


@app.get("/healthy")
def healthy() -> str:
    return "yes"


@app.get("/pid")
def pid() -> str:
    wait()
    return str(os.getpid())


@app.get("/set/<key>")
def set_key(key: str) -> str:
    session[key] = key
    wait()
    return "set"


@app.get("/append/<key>")
def append(key: str) -> str:
    session.setdefault(key, []).append(1)
    return "appended"


@app.get("/add")
def add() -> str:
    return str(session.update("n", lambda n: (n or 0) + 1))


@app.get("/read")
def read() -> dict[str, object]:
    values = dict(session)
    wait()
    return values


@app.get("/out")
def out() -> str:
    session.clear()
    return "out"
