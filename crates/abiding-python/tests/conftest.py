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


@pytest.fixture(params=["file", "sqlite", "redis", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store of each kind. Servers are shared; keys are random, so nobody is in the way."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path / 'sessions.db'}"
    if request.param == "file":
        return f"file://{tmp_path / 'sessions'}"
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


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
