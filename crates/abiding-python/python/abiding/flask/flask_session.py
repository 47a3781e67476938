"""Flask-Session's own settings: which engine they name, and how to reach it without its client.

A client object that was handed in is asked where it connects to, and the core connects there itself. What
cannot be asked is said, with the remedy; nothing ever falls back to a server that nobody named.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

from abiding.errors import ConfigError
from abiding.info import FlaskSessionSettings

if TYPE_CHECKING:
    from flask import Flask

#: How many bytes an id had before Flask-Session 0.6 let an application choose.
_ID_LENGTH = 32


def settings(app: Flask, kind: str, secrets: list[bytes]) -> FlaskSessionSettings:
    """The settings of the application, for sessions that Flask-Session's back end of this kind would keep."""
    config = app.config
    if kind not in _ENGINES:
        raise ConfigError(
            f"SESSION_TYPE={kind!r} of Flask-Session is not among those that are read: {', '.join(_ENGINES)}."
            " Name another store with SESSION_ABIDING_URL"
        )
    signs = bool(config.get("SESSION_USE_SIGNER", False))
    if signs and not secrets:
        raise ConfigError("SESSION_USE_SIGNER needs a SECRET_KEY: set it before Session(app)")
    engine, place = _ENGINES[kind](app)
    prefix = str(config.get("SESSION_KEY_PREFIX", "session:"))
    if kind == "memcached":
        prefix = _memcached_prefix(app) + prefix
    return {
        "engine": engine,
        "place": place,
        "prefix": prefix,
        "lifetime_seconds": app.permanent_session_lifetime.total_seconds(),
        "permanent": bool(config.get("SESSION_PERMANENT", True)),
        "secrets": secrets if signs else [],
        "id_length": int(config.get("SESSION_ID_LENGTH", _ID_LENGTH)),
        "format": str(config.get("SESSION_SERIALIZATION_FORMAT", "msgpack")),
        "table": str(config.get("SESSION_SQLALCHEMY_TABLE", "sessions")),
        "sha256": _cachelib_names_by_sha256(),
        "slide": bool(config.get("SESSION_REFRESH_EACH_REQUEST", True)),
    }


def _redis(app: Flask) -> tuple[str, str]:
    client = app.config.get("SESSION_REDIS")
    if isinstance(client, str) and client:
        # What many write, and what Flask-Session takes for a client or for none.
        return "redis", client
    pool = getattr(client, "connection_pool", None)
    if pool is None:
        raise ConfigError(
            f"SESSION_REDIS is {type(client).__name__}: write a URL such as 'redis://localhost:6379/0', or"
            " hand in a redis.Redis"
        )
    known = dict(getattr(pool, "connection_kwargs", {}))
    service = getattr(pool, "service_name", None)
    if service is not None or ("host" not in known and "path" not in known):
        raise ConfigError(
            f"SESSION_REDIS is a client whose {type(pool).__name__} does not say where it connects to: write"
            " a URL instead, for Sentinels 'redis+sentinel://host:26379,host/service/0'"
        )
    user, password = known.get("username"), known.get("password")
    database = known.get("db") or 0
    if "path" in known:
        parts = {"db": database, "user": user, "pass": password}
        query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in parts.items() if value)
        return "redis", f"unix://{quote(known['path'])}" + (f"?{query}" if query else "")
    identity = ""
    if password:
        identity = f"{quote(str(user or ''), safe='')}:{quote(str(password), safe='')}@"
    # A client over TLS has connections of a class of their own.
    secure = "ssl" in type(pool).__name__.lower() or "SSL" in getattr(pool.connection_class, "__name__", "")
    host = str(known["host"])
    host = f"[{host}]" if ":" in host else host
    scheme = "rediss" if secure else "redis"
    return "redis", f"{scheme}://{identity}{host}:{known.get('port', 6379)}/{database}"


def _memcached(app: Flask) -> tuple[str, str]:
    client: Any = app.config.get("SESSION_MEMCACHED")
    if isinstance(client, str) and client:
        return "memcached", client if "://" in client else f"memcached://{client}"
    servers = [server for ask in _MEMCACHED_SERVERS for server in ask(_unwrapped(client))]
    if len(servers) > 1:
        raise ConfigError(
            f"SESSION_MEMCACHED has {len(servers)} servers, and its client knows alone which session lies on"
            " which: one server is read"
        )
    if not servers:
        raise ConfigError(
            f"SESSION_MEMCACHED is {type(client).__name__}: write a URL such as 'memcached://localhost:11211',"
            " or hand in a client of pymemcache, pylibmc or python-memcached"
        )
    host, port = servers[0]
    if host.startswith("/"):
        return "memcached", f"memcached+unix://{host}"
    return "memcached", f"memcached://[{host}]:{port}" if ":" in host else f"memcached://{host}:{port}"


def _unwrapped(client: Any) -> Any:
    """The client that one of pymemcache's that tries again is around."""
    return getattr(client, "_client", client)


def _memcached_prefix(app: Flask) -> str:
    """What pymemcache puts before every key."""
    prefix: Any = getattr(_unwrapped(app.config.get("SESSION_MEMCACHED")), "key_prefix", b"")
    return prefix.decode("ascii") if isinstance(prefix, bytes) else str(prefix)


def _host_and_port(server: Any) -> tuple[str, int]:
    """A server as any of the clients writes one: a pair, ``host:port``, a path."""
    if not isinstance(server, str):
        host, port = server
        return str(host), int(port)
    server = server[5:] if server.startswith("unix:") else server
    host, colon, port = server.rpartition(":")
    if server.startswith("/") or not colon or not port.isdigit():
        return server, 11211
    return host.strip("[]"), int(port)


#: How each client is asked for its servers: pymemcache's of one and of many, pylibmc's, python-memcached's.
_MEMCACHED_SERVERS: list[Callable[[Any], list[tuple[str, int]]]] = [
    lambda client: [_host_and_port(client.server)] if hasattr(client, "server") else [],
    lambda client: [
        _host_and_port(one.server)
        for one in getattr(client, "clients", {}).values()
        if hasattr(one, "server")
    ],
    lambda client: [_host_and_port(one) for one in getattr(client, "addresses", [])],
    lambda client: [_host_and_port(one.address) for one in getattr(client, "servers", [])],
]


def _sqlalchemy(app: Flask) -> tuple[str, str]:
    database: Any = app.config.get("SESSION_SQLALCHEMY")
    if isinstance(database, str) and database:
        url: Any = database
    elif hasattr(type(database), "engine") and hasattr(database, "init_app"):
        if "sqlalchemy" not in app.extensions:
            raise ConfigError(
                "SESSION_SQLALCHEMY belongs to no application yet: call its init_app before Session's"
            )
        with app.app_context():
            bind = app.config.get("SESSION_SQLALCHEMY_BIND_KEY")
            url = database.engines[bind].url if bind else database.engine.url
    elif database is None and app.config.get("SQLALCHEMY_DATABASE_URI"):
        url = app.config["SQLALCHEMY_DATABASE_URI"]
    else:
        raise ConfigError(
            f"SESSION_SQLALCHEMY is {type(database).__name__}: hand in the application's SQLAlchemy(), or"
            " write a URL"
        )
    if hasattr(url, "render_as_string"):
        url = url.render_as_string(hide_password=False)
    scheme, _, rest = str(url).partition("://")
    dialect = scheme.partition("+")[0]
    if dialect in ("postgres", "postgresql"):
        return "postgres", f"postgresql://{rest}"
    if dialect in ("mariadb", "mysql"):
        return "mysql", f"mysql://{_of_mysql(rest)}"
    if dialect == "sqlite":
        # As SQLAlchemy has them: three slashes before a relative path, four before an absolute one.
        path = rest[1:]
        if not path or path == ":memory:":
            raise ConfigError(
                "SESSION_SQLALCHEMY is a database in memory, which would be another one in each worker"
            )
        return "sqlite", path if os.path.isabs(path) else os.path.join(app.instance_path, path)
    raise ConfigError(
        f"SESSION_SQLALCHEMY is a database of {dialect!r}: postgresql, mysql and sqlite are read"
    )


def _of_mysql(rest: str) -> str:
    """What follows the scheme, with the options of the Python driver in the words of the core."""
    place, _, query = rest.partition("?")
    if "/" not in place or not place.partition("/")[2]:
        raise ConfigError("SESSION_SQLALCHEMY names no database of the server: end the URL with its name")
    known = {"unix_socket": "socket", "ssl_ca": "ssl-ca"}
    options = [(known.get(name), value) for name, value in parse_qsl(query)]
    if any(name == "ssl-ca" for name, _ in options):
        options.append(("ssl-mode", "VERIFY_IDENTITY"))
    # What is left concerns the Python side, as `charset` does.
    kept = "&".join(f"{name}={quote(value, safe='')}" for name, value in options if name)
    return f"{place}?{kept}" if kept else place


def _files(app: Flask) -> tuple[str, str]:
    folder = app.config.get("SESSION_FILE_DIR") or os.path.join(os.getcwd(), "flask_session")
    return "files", os.path.abspath(folder)


def _cachelib(app: Flask) -> tuple[str, str]:
    cache = app.config.get("SESSION_CACHELIB")
    if cache is None:
        return "files", os.path.abspath("flask_session")
    folder = getattr(cache, "_path", None)
    if not isinstance(folder, str):
        raise ConfigError(
            f"SESSION_CACHELIB is a {type(cache).__name__}: of cachelib's caches a FileSystemCache is read;"
            " name another store with SESSION_ABIDING_URL"
        )
    return "files", os.path.abspath(folder)


_ENGINES: dict[str, Callable[[Flask], tuple[str, str]]] = {
    "memcached": _memcached,
    "redis": _redis,
    "sqlalchemy": _sqlalchemy,
    "filesystem": _files,
    "cachelib": _cachelib,
}


def _cachelib_names_by_sha256() -> bool:
    """Whether the cachelib that is installed is 0.16 or later; so where none is."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        major, minor = version("cachelib").split(".")[:2]
    except (PackageNotFoundError, ValueError):
        return True
    return (int(major), int(minor)) >= (0, 16)
