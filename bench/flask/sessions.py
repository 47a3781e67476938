"""CPU time that sessions add to a Flask request: ours beside Flask's own and Flask-Session, in turns.

    pip install target/wheel/dist/*.whl flask flask-session redis && python bench/flask/sessions.py redis://localhost:6379/0

Requests are WSGI calls inside this process, so nothing but the application is measured; the server's time on the
other side of a socket is not. Each round runs every case once, and a case counts by the median of its rounds.
"""

import secrets
import statistics
import sys
import tempfile
import time
import warnings

import flask
from flask import Flask, session

warnings.simplefilter("ignore")

ROUNDS, CALLS = 15, 200

#: About 1 KB, as sessions of a shop have it.
VALUES = {
    "user_id": 42,
    "_fresh": True,
    "name": "Zoë Quinn",
    "csrf_token": "1f0e8f6f0b1c4d6b8c8b8f2f4c1b7e1f0a9d3c55",
    "cart": [
        {"id": number, "title": f"A thing of some name, number {number}", "count": 2} for number in range(12)
    ],
}


def application(extend) -> Flask:
    app = Flask("bench")
    app.secret_key = SECRET
    extend(app)

    @app.get("/plain")
    def plain() -> str:
        return "x"

    @app.get("/fill")
    def fill() -> str:
        session.update(VALUES)
        return "x"

    @app.get("/read")
    def read() -> str:
        return str(session["user_id"])

    @app.get("/write")
    def write() -> str:
        session["seen"] = secrets.randbits(30)
        return "x"

    return app


def call(app: Flask, path: str, cookie: str = "") -> list:
    headers = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": None,
        "wsgi.errors": sys.stderr,
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if cookie:
        environ["HTTP_COOKIE"] = cookie
    answer = app(environ, lambda status, given, info=None: headers.extend([("status", status), *given]))
    b"".join(answer)
    answer.close()
    return headers


def cookie_of(headers: list) -> str:
    return next(value for name, value in headers if name == "Set-Cookie").partition(";")[0]


def ours(**settings):
    def extend(app: Flask) -> None:
        from abiding.flask import Session

        app.config.update(settings)
        Session(app)

    return extend


def flask_session(**settings):
    def extend(app: Flask) -> None:
        import flask_session
        import redis

        if "SESSION_REDIS" in settings:
            settings["SESSION_REDIS"] = redis.Redis.from_url(settings["SESSION_REDIS"])
        app.config.update(settings)
        flask_session.Session(app)

    return extend


SECRET = secrets.token_hex()


def main(redis_url: str) -> None:
    folder = tempfile.mkdtemp()
    sides = {
        "Flask's cookie": lambda app: None,
        "ours: Flask's cookie": ours(),
        "Flask-Session, Redis": flask_session(SESSION_TYPE="redis", SESSION_REDIS=redis_url),
        "ours: Redis": ours(SESSION_ABIDING_URL=redis_url),
        "Flask-Session, files": flask_session(SESSION_TYPE="filesystem", SESSION_FILE_DIR=f"{folder}/files"),
        "ours: SQLite": ours(SESSION_ABIDING_URL=f"sqlite://{folder}/sessions.db"),
    }
    apps = {name: application(extend) for name, extend in sides.items()}
    cookies = {name: cookie_of(call(app, "/fill")) for name, app in apps.items()}
    bare = Flask("bare")
    bare.add_url_rule("/plain", "plain", lambda: "x")
    cases = [(name, path) for name in apps for path in ("/plain", "/read", "/write")]
    taken: dict = {case: [] for case in [("", "/plain"), *cases]}
    for _ in range(ROUNDS):
        for name, path in taken:
            app, cookie = (apps[name], cookies[name]) if name else (bare, "")
            start = time.process_time()
            for _ in range(CALLS):
                headers = call(app, path, cookie)
            taken[name, path].append((time.process_time() - start) / CALLS * 1e6)
            assert headers[0] == ("status", "200 OK"), headers
    median = {case: statistics.median(times) for case, times in taken.items()}
    base = median["", "/plain"]
    print(
        f"Python {sys.version.split()[0]}, Flask {flask.__version__}; plain Flask {base:.0f} µs of CPU a request; added µs:"
    )
    print("| | untouched | read | write |\n|---|---|---|---|")
    for name in apps:
        print(
            f"| {name} |",
            " | ".join(f"{median[name, path] - base:.0f}" for path in ("/plain", "/read", "/write")),
            "|",
        )


if __name__ == "__main__":
    main(sys.argv[1])
