"""What the tests share: throw-away servers, and applications on every store."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import servers
from abiding.flask import Session


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with servers.redis() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with servers.postgres() as url:
        yield url


@pytest.fixture(scope="session")
def memcached_url() -> Iterator[str]:
    with servers.memcached() as url:
        yield url


@pytest.fixture(scope="session")
def mysql_url() -> Iterator[str]:
    with servers.mysql() as url:
        yield url


STORES = ["file", "sqlite", "redis", "postgres", "mysql", "memcached"]


def url_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """The URL of a store. Servers are shared; keys are random, so nobody is in the way."""
    if kind == "sqlite":
        return f"sqlite://{folder / 'sessions.db'}"
    if kind == "file":
        return f"file://{folder / 'sessions'}"
    url: str = request.getfixturevalue(f"{kind}_url")
    return url


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store of each kind."""
    return url_of(request.param, request, tmp_path)


MakeApp = Callable[..., Flask]


@pytest.fixture
def make_app(tmp_path: Path) -> MakeApp:
    """Makes applications with sessions in one SQLite file, unless told otherwise."""

    def make(**settings: Any) -> Flask:
        app = Flask(__name__)
        app.config.update(
            SECRET_KEY=secrets.token_hex(),
            SESSION_ABIDING_URL=f"sqlite://{tmp_path / 'sessions.db'}",
            TESTING=True,
        )
        app.config.update(settings)
        Session(app)
        return app

    return make


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app()
