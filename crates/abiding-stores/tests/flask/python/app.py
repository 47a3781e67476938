"""A Flask application with the real Flask-Session: one request for each line of standard input.

A line is JSON: the cookie that the browser sends, and what the view does. The answer is JSON too: the
status, the Set-Cookie headers, and the session as the view found it, pickled.
"""

import json
import pickle
import sys

from flask import Flask, request, session
from flask_session import Session


def application(config):
    app = Flask(__name__)
    app.config.update(config["settings"])
    engine = config["engine"]
    app.config["SESSION_TYPE"] = engine
    if engine == "redis":
        import redis

        app.config["SESSION_REDIS"] = redis.Redis(port=config["port"])
    elif engine == "memcached":
        from pymemcache.client.base import Client

        # Unless told otherwise it does not wait for a write, and whoever reads next may be before it.
        app.config["SESSION_MEMCACHED"] = Client(("127.0.0.1", config["port"]), default_noreply=False)
    elif engine == "sqlalchemy":
        from flask_sqlalchemy import SQLAlchemy

        app.config["SQLALCHEMY_DATABASE_URI"] = config["uri"]
        app.config["SESSION_SQLALCHEMY"] = SQLAlchemy(app)
    else:
        app.config["SESSION_FILE_DIR"] = config["folder"]
    Session(app)

    @app.post("/")
    def act():
        found = pickle.dumps(dict(session), 4)
        for verb, argument in request.json:
            if verb == "set":
                session.update(pickle.loads(bytes.fromhex(argument)))
            elif verb == "pop":
                session.pop(argument, None)
            elif verb == "clear":
                session.clear()
        return found

    return app


def main():
    app = application(json.loads(sys.argv[1]))
    app.testing = True
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        headers = {"Cookie": "session=" + asked["cookie"]} if asked["cookie"] else {}
        client = app.test_client(use_cookies=False)
        answer = client.post("/", json=asked["acts"], headers=headers)
        told = {
            "status": answer.status_code,
            "set_cookie": answer.headers.getlist("Set-Cookie"),
            "found": answer.data.hex(),
        }
        print(json.dumps(told), flush=True)


main()
