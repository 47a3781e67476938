"""What the tests of the examples share: servers, the environment an application is started in, and slow requests."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

import servers
from flask import Flask


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with servers.redis() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with servers.postgres() as url:
        yield url.replace("postgresql:", "postgresql+psycopg2:")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """What every example finds: a secret, and a folder."""
    monkeypatch.setenv("SECRET_KEY", secrets.token_hex())
    monkeypatch.setenv("DATA", str(tmp_path))
    return monkeypatch


def rotate_secret(monkeypatch: pytest.MonkeyPatch, before: str) -> None:
    """A new secret, as after a rotation: the old one still opens what it signed."""
    monkeypatch.setenv("SECRET_KEY", secrets.token_hex())
    monkeypatch.setenv("SECRET_KEY_FALLBACKS", before)


def same_browser(client: FlaskClient, app: Flask) -> FlaskClient:
    """The browser that `client` is, before another process of the application."""
    other = app.test_client()
    found = client.get_cookie("session")
    if found is not None:
        other.set_cookie("session", found.value)
    return other


@contextlib.contextmanager
def slow_request(client: FlaskClient, create_app: Callable[[], Flask], act: Callable[[], Any]) -> Iterator[FlaskClient]:
    """A request of the same browser to another process, which did `act` and is not over before the block is.

    What it gives is that browser, with the cookie that the slow answer has left it with.
    """
    app = create_app()
    begun, may_end = threading.Event(), threading.Event()

    def view() -> str:
        act()
        begun.set()
        assert may_end.wait(30)
        return "done"

    app.add_url_rule("/slow", view_func=view)
    other = same_browser(client, app)
    thread = threading.Thread(target=other.get, args=("/slow",))
    thread.start()
    assert begun.wait(30)
    try:
        yield other
    finally:
        may_end.set()
        thread.join()
