"""CPU time that sessions add to a Flask request: ours beside Flask's own and Flask-Session, in turns.

    maturin build --release --out target/wheel/release --manifest-path crates/abiding-python/Cargo.toml
    pip install target/wheel/release/*.whl flask flask-session flask-sqlalchemy psycopg2-binary redis
    python bench/flask/sessions.py redis://localhost:6379/0 postgresql://user@localhost/database

Requests are WSGI calls inside this process, so nothing but the application is measured; the server's time on the
other side of a socket is not. Each round runs every case once, and a case counts by the median of its rounds. At the end the codec of
Flask's cookie is called by itself, 1 KB of a session, beside itsdangerous with Flask's serializer.
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

        given = dict(settings)
        if "SESSION_REDIS" in given:
            import redis

            given["SESSION_REDIS"] = redis.Redis.from_url(given["SESSION_REDIS"])
        if "SQLALCHEMY_DATABASE_URI" in given:
            from flask_sqlalchemy import SQLAlchemy

            app.config["SQLALCHEMY_DATABASE_URI"] = given["SQLALCHEMY_DATABASE_URI"]
            given["SESSION_SQLALCHEMY"] = SQLAlchemy(app)
        app.config.update(given)
        flask_session.Session(app)

    return extend


SECRET = secrets.token_hex()


def sides_of(redis_url: str, postgres_url: str, folder: str) -> dict:
    """Every side, and beside whom it stands; none for those that stand by themselves."""
    redis = {"SESSION_TYPE": "redis", "SESSION_REDIS": redis_url}
    files = {"SESSION_TYPE": "filesystem"}
    sql_url = postgres_url.replace("postgresql:", "postgresql+psycopg2:")

    def table(url: str) -> dict:
        return {"SESSION_TYPE": "sqlalchemy", "SQLALCHEMY_DATABASE_URI": url}

    return {
        "Flask's cookie": (lambda app: None, None),
        "ours: Flask's cookie": (ours(), "Flask's cookie"),
        "Flask-Session, Redis": (flask_session(**redis), None),
        "ours: Redis": (ours(SESSION_ABIDING_URL=redis_url), "Flask-Session, Redis"),
        "ours: Redis, its layout": (ours(**redis), "Flask-Session, Redis"),
        "Flask-Session, files": (flask_session(**files, SESSION_FILE_DIR=f"{folder}/theirs"), None),
        "ours: files": (ours(SESSION_ABIDING_URL=f"file://{folder}/native"), "Flask-Session, files"),
        "ours: files, its layout": (ours(**files, SESSION_FILE_DIR=f"{folder}/ours"), "Flask-Session, files"),
        "Flask-Session, SQLite": (flask_session(**table(f"sqlite:///{folder}/theirs.db")), None),
        "ours: SQLite": (ours(SESSION_ABIDING_URL=f"sqlite://{folder}/native.db"), "Flask-Session, SQLite"),
        "ours: SQLite, its layout": (ours(**table(f"sqlite:///{folder}/ours.db")), "Flask-Session, SQLite"),
        "Flask-Session, PostgreSQL": (flask_session(**table(sql_url)), None),
        "ours: PostgreSQL": (ours(SESSION_ABIDING_URL=postgres_url), "Flask-Session, PostgreSQL"),
        "ours: PostgreSQL, its layout": (ours(**table(sql_url)), "Flask-Session, PostgreSQL"),
    }


PATHS = ("/plain", "/read", "/write")


def main(redis_url: str, postgres_url: str, rounds: int) -> None:
    sides = sides_of(redis_url, postgres_url, tempfile.mkdtemp())
    apps = {name: application(extend) for name, (extend, _) in sides.items()}
    cookies = {name: cookie_of(call(app, "/fill")) for name, app in apps.items()}
    bare = Flask("bare")
    bare.add_url_rule("/plain", "plain", lambda: "x")
    taken: dict = {("", "/plain"): []}
    taken.update({(name, path): [] for name in apps for path in PATHS})
    for _ in range(rounds):
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
        f"Python {sys.version.split()[0]}, Flask {flask.__version__}; plain Flask {base:.0f} µs of CPU a request;"
        f" {rounds} rounds of {CALLS} requests; added µs, and the ratio to the other side:"
    )
    table(median, base, sides)
    codec()


def table(median: dict, base: float, sides: dict) -> None:
    print("| | untouched | read | write |\n|---|---|---|---|")
    for name, (_, other) in sides.items():
        cells = []
        for path in PATHS:
            added = median[name, path] - base
            cell = f"{added:.0f}"
            if other is not None:
                cell += f" ({added / (median[other, path] - base):.2f})"
            cells.append(cell)
        print(f"| {name} |", " | ".join(cells), "|")


def codec() -> None:
    """Encoding and signing, verifying and decoding, without a request around them."""
    from abiding import _native

    app = Flask("codec")
    app.secret_key = SECRET
    theirs = app.session_interface.get_signing_serializer(app)
    assert theirs is not None
    mine = _native.SignedCookies([SECRET.encode()], max_age=3600.0)
    with app.app_context():
        cookie = theirs.dumps(VALUES)
        cases = {
            "encode and sign": (lambda: theirs.dumps(VALUES), lambda: mine.write(VALUES)),
            "verify and decode": (lambda: theirs.loads(cookie, max_age=3600), lambda: mine.open(cookie, {})),
        }
        assert mine.read(cookie) == theirs.loads(mine.write(VALUES), max_age=3600) == VALUES
        for name, pair in cases.items():
            taken: tuple[list, list] = ([], [])
            for _ in range(ROUNDS):
                for act, times in zip(pair, taken):
                    start = time.process_time()
                    for _ in range(CALLS):
                        act()
                    times.append((time.process_time() - start) / CALLS * 1e6)
            slow, fast = (statistics.median(times) for times in taken)
            print(f"{name}: Flask {slow:.1f} µs, ours {fast:.1f} µs, {slow / fast:.1f} times faster")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else ROUNDS)
