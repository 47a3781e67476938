"""Sessions of Flask-Session: an application with it and one with ours share them, request by request."""

from __future__ import annotations

import datetime
import secrets
import uuid
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, session

from abiding import ConfigError
from abiding.flask import Session

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import flask_session
    import pymemcache
    import redis
    from flask_sqlalchemy import SQLAlchemy
    from pymemcache import HashClient
    from pymemcache.client.retrying import RetryingClient

Configure = Callable[[Flask], None]


@pytest.fixture(
    params=[
        "redis url",
        "redis client",
        "redis json",
        "redis signed",
        "sqlite",
        "postgres",
        "mysql",
        "memcached url",
        "memcached client",
        "files",
        "cachelib",
    ]
)
def configure(request: pytest.FixtureRequest, tmp_path: Path) -> Configure:
    """What an application writes for one of Flask-Session's back ends; the same for both sides."""
    kind = request.param
    prefix = secrets.token_hex(4) + ":"
    secret = secrets.token_hex()
    folder = str(tmp_path / "files")

    def settings(app: Flask) -> dict[str, Any]:
        if kind.startswith("redis"):
            url = request.getfixturevalue("redis_url")
            ours = app.name == "ours" and kind == "redis url"
            return {
                "SESSION_TYPE": "redis",
                "SESSION_REDIS": url if ours else redis.Redis.from_url(url),
                "SESSION_SERIALIZATION_FORMAT": "json" if "json" in kind else "msgpack",
                "SESSION_USE_SIGNER": "signed" in kind,
            }
        if kind.startswith("memcached"):
            place = request.getfixturevalue("memcached_url")
            ours = app.name == "ours" and kind == "memcached url"
            # A reader on another connection is not to come before the write.
            client = pymemcache.Client(place.removeprefix("memcached://"), default_noreply=False)
            return {"SESSION_TYPE": "memcached", "SESSION_MEMCACHED": place if ours else client}
        if kind == "files":
            return {"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": folder}
        if kind == "cachelib":
            from cachelib import FileSystemCache

            return {"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": FileSystemCache(folder)}
        url = f"sqlite:///{tmp_path / 'app.db'}"
        if kind == "postgres":
            url = request.getfixturevalue("postgres_url").replace("postgresql:", "postgresql+psycopg2:")
        if kind == "mysql":
            url = (
                request.getfixturevalue("mysql_url").replace("mysql:", "mysql+pymysql:") + "?charset=utf8mb4"
            )
        app.config["SQLALCHEMY_DATABASE_URI"] = url
        return {"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY": SQLAlchemy(app)}

    def configure(app: Flask) -> None:
        app.config.update(SECRET_KEY=secret, SESSION_KEY_PREFIX=prefix, TESTING=True)
        app.config.update(settings(app))

    return configure


def both(configure: Configure) -> tuple[Flask, Flask]:
    apps = []
    for name, extension in (("ours", Session), ("theirs", flask_session.Session)):
        app = Flask(name)
        configure(app)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            extension(app)
        app.add_url_rule("/add", "add", add)
        app.add_url_rule("/clear", "clear", lambda: (session.clear(), "")[1])
        app.add_url_rule("/read", "read", lambda: repr(sorted(dict(session).items(), key=repr)))
        app.add_url_rule("/write", "write", write)
        apps.append(app)
    return apps[0], apps[1]


def add() -> str:
    session["n"] = session.get("n", 0) + 1
    return str(session["n"])


def write() -> str:
    session["text"] = "Zo\u00eb"
    session["list"] = [1, [2.5, None, True], {"a": "b"}]
    session["bytes"] = "text"
    return ""


@pytest.mark.filterwarnings("ignore")
def test_they_take_turns_and_lose_nothing(configure: Configure) -> None:
    ours, theirs = both(configure)
    ours.test_client().get("/write")
    value = ""
    shown = []
    for number in range(1, 41):
        client = (ours, theirs)[number % 2].test_client()
        if value:
            client.set_cookie("session", value)
        assert client.get("/add").text == str(number)
        if number == 3:
            client.get("/write")
        if number > 4:
            shown.append(client.get("/read").text.replace(f"'n', {number}", "'n', N"))
        found = client.get_cookie("session")
        assert found is not None
        value = found.value
    assert len(set(shown)) == 1 and "Zo\u00eb" in shown[0] and "_abiding" not in shown[0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("who", ["ours", "theirs"])
def test_what_one_of_them_ended_is_over_for_the_other(configure: Configure, who: str) -> None:
    ours, theirs = both(configure)
    first, second = (ours, theirs) if who == "ours" else (theirs, ours)
    client = first.test_client()
    client.get("/add")
    found = client.get_cookie("session")
    assert found is not None
    other = second.test_client()
    other.set_cookie("session", found.value)
    assert other.get("/add").text == "2"
    client.get("/clear")
    other.set_cookie("session", found.value)
    assert "'n'" not in other.get("/read").text


@pytest.mark.filterwarnings("ignore")
def test_types_that_flask_session_flattens_are_flattened_alike(configure: Configure) -> None:
    ours, theirs = both(configure)
    values = {
        "datetime": datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
        "tuple": (1, 2),
        "uuid": uuid.UUID(int=5),
    }
    came = []
    for app in (ours, theirs):
        client = app.test_client()
        with client.session_transaction() as stored:
            stored.update(values)
        with client.session_transaction() as stored:
            came.append({key: stored[key] for key in values})
    assert came[0] == came[1]


def test_an_update_is_exact_where_flask_session_keeps_sessions(configure: Configure) -> None:
    from concurrent.futures import ThreadPoolExecutor

    app = Flask("ours")
    configure(app)
    Session(app)
    app.add_url_rule("/add", "add", lambda: str(session.update("n", lambda n: (n or 0) + 1)))
    app.add_url_rule("/set/<key>", "set", lambda key: (session.__setitem__(key, 1), "")[1])
    client = app.test_client()
    client.get("/add")
    found = client.get_cookie("session")
    assert found is not None
    header = {"Cookie": f"session={found.value}"}

    def work(number: int) -> None:
        for path in ("/add", f"/set/k{number}"):
            assert app.test_client(use_cookies=False).get(path, headers=header).status_code == 200

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(24)))
    with client.session_transaction() as stored:
        assert stored["n"] == 25 and sum(key.startswith("k") for key in stored) == 24


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"SESSION_TYPE": "redis"}, "SESSION_REDIS is NoneType"),
        ({"SESSION_TYPE": "redis", "SESSION_REDIS": 5}, "SESSION_REDIS is int"),
        ({"SESSION_TYPE": "sqlalchemy"}, "SESSION_SQLALCHEMY is NoneType"),
        ({"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY": "oracle://a/b"}, "oracle"),
        ({"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY": "sqlite://"}, "memory"),
        ({"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY": SQLAlchemy()}, "no application"),
        ({"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY": "mysql://host"}, "no database"),
        ({"SESSION_TYPE": "memcached"}, "SESSION_MEMCACHED is NoneType"),
        ({"SESSION_TYPE": "memcached", "SESSION_MEMCACHED": 5}, "SESSION_MEMCACHED is int"),
        ({"SESSION_TYPE": "memcached", "SESSION_MEMCACHED": HashClient(["a", "b"])}, "2 servers"),
        ({"SESSION_TYPE": "mongodb"}, "mongodb"),
        ({"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": object()}, "FileSystemCache"),
        ({"SESSION_TYPE": "filesystem", "SESSION_USE_SIGNER": True, "SECRET_KEY": None}, "SECRET_KEY"),
        ({"SESSION_TYPE": "filesystem", "SESSION_SERIALIZATION_FORMAT": "yaml"}, "yaml"),
    ],
)
def test_settings_that_lead_nowhere_are_said(settings: dict[str, Any], words: str) -> None:
    app = Flask("app")
    app.config.update(SECRET_KEY=secrets.token_hex())
    app.config.update(settings)
    with pytest.raises(ConfigError, match=words):
        Session(app)


@pytest.mark.parametrize(
    ("client", "url"),
    [
        (redis.Redis(), "redis://localhost:6379/0"),
        (redis.Redis("h", 1, 2, password="p/w"), "redis://:p%2Fw@h:1/2"),
        (redis.Redis("h", username="u", password="p", ssl=True), "rediss://u:p@h:6379/0"),
        (redis.Redis(unix_socket_path="/run/redis", db=3), "unix:///run/redis?db=3"),
    ],
)
def test_a_client_is_asked_where_it_connects_to(client: Any, url: str) -> None:
    from abiding.flask.flask_session import settings

    app = Flask("app")
    app.config.update(SESSION_TYPE="redis", SESSION_REDIS=client)
    assert settings(app, "redis", [])["place"] == url


@pytest.mark.parametrize(
    ("client", "url", "prefix"),
    [
        (pymemcache.Client("h"), "memcached://h:11211", ""),
        (pymemcache.Client(("::1", 5), key_prefix=b"shop."), "memcached://[::1]:5", "shop."),
        (pymemcache.Client("/run/memcached"), "memcached+unix:///run/memcached", ""),
        (pymemcache.PooledClient("h:5"), "memcached://h:5", ""),
        (RetryingClient(pymemcache.Client("h", key_prefix="a.")), "memcached://h:11211", "a."),
        (HashClient(["h:5"]), "memcached://h:5", ""),
        # As pylibmc and python-memcached keep them.
        (SimpleNamespace(addresses=["10.0.0.7:5"]), "memcached://10.0.0.7:5", ""),
        (SimpleNamespace(servers=[SimpleNamespace(address=("h", 5))]), "memcached://h:5", ""),
        ("h:5", "memcached://h:5", ""),
    ],
)
def test_a_client_of_memcached_is_asked_where_it_connects_to(client: Any, url: str, prefix: str) -> None:
    from abiding.flask.flask_session import settings

    app = Flask("app")
    app.config.update(SESSION_TYPE="memcached", SESSION_MEMCACHED=client)
    found = settings(app, "memcached", [])
    assert (found["place"], found["prefix"]) == (url, f"{prefix}session:")


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("mysql+pymysql://u:p%40@h:1/d?charset=utf8mb4", "mysql://u:p%40@h:1/d"),
        ("mariadb://u@h/d?ssl_ca=/ca.pem", "mysql://u@h/d?ssl-ca=%2Fca.pem&ssl-mode=VERIFY_IDENTITY"),
        (
            "mysql+mysqldb://u@localhost/d?unix_socket=/run/m.sock",
            "mysql://u@localhost/d?socket=%2Frun%2Fm.sock",
        ),
    ],
)
def test_a_url_of_mysql_loses_what_concerns_python(uri: str, place: str) -> None:
    from abiding.flask.flask_session import settings

    app = Flask("app")
    app.config.update(SESSION_TYPE="sqlalchemy", SQLALCHEMY_DATABASE_URI=uri)
    found = settings(app, "sqlalchemy", [])
    assert (found["engine"], found["place"]) == ("mysql", place)
