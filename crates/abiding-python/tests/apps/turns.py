"""An application with Flask-Session or with ours, on a port of its own: one of two that take turns.

What it is comes as a line of JSON, since a secret is among that. Prints its port. A request says what the
view is to do; the answer is the session as it found it, pickled.
"""

import json
import pickle
import sys
from typing import Any

from flask import Flask, request, session
from werkzeug.serving import WSGIRequestHandler, make_server


class Silent(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        pass


def act() -> bytes:
    found = pickle.dumps(dict(session), 4)
    for verb, argument in request.get_json():
        if verb == "set":
            session.update(pickle.loads(bytes.fromhex(argument)))
        elif verb == "pop":
            session.pop(argument, None)
        elif verb == "clear":
            session.clear()
    return found


def application(given: Any) -> Flask:
    app = Flask("turns")
    app.config.update(given["settings"])
    if app.config["SESSION_TYPE"] == "redis":
        import redis

        app.config["SESSION_REDIS"] = redis.Redis.from_url(given["url"])
    if app.config["SESSION_TYPE"] == "sqlalchemy":
        from flask_sqlalchemy import SQLAlchemy

        app.config["SQLALCHEMY_DATABASE_URI"] = given["url"]
        app.config["SESSION_SQLALCHEMY"] = SQLAlchemy(app)
    if given["ours"]:
        from abiding.flask import Session
    else:
        from flask_session import Session
    Session(app)
    app.add_url_rule("/", view_func=act, methods=["POST"])
    return app


def main() -> None:
    app = application(json.loads(sys.stdin.readline()))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Silent)
    print(server.server_port, flush=True)
    server.serve_forever()


main()
