"""The organizer on files and on Redis: nobody is signed out by others, by a slow page, by a deploy or by an upgrade."""

from __future__ import annotations

import hashlib
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

import organizer.app
import servers
from abiding import ConfigError
from browser import Browser
from conftest import rotate_secret, same_browser, slow_request
from flask import session
from organizer.app import create_app

FOLDER = Path(__file__).parents[1]


@pytest.fixture
def development(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FLASK_ENV", "development")


@pytest.fixture
def production(environment: pytest.MonkeyPatch, redis_url: str) -> None:
    environment.setenv("FLASK_ENV", "production")
    environment.setenv("REDIS_URL", redis_url)


@pytest.fixture(params=["development", "production"])
def client(request: pytest.FixtureRequest) -> FlaskClient:
    request.getfixturevalue(request.param)
    return signed_in(create_app().test_client())


def signed_in(client: FlaskClient, name: str = "Thandi") -> FlaskClient:
    assert client.post("/sign-in", data={"name": name}).location == "/"
    return client


def knows(client: FlaskClient, *words: str) -> bool:
    answer = client.get("/")
    return answer.status_code == 200 and all(word in answer.text for word in words)


def test_a_change_within_a_value_is_kept(client: FlaskClient) -> None:
    for guest in ("Ama", "Ben", "Cleo"):
        client.post("/guests", data={"guest": guest})
    assert knows(client, "Ama", "Ben", "Cleo")


def test_two_answers_at_once_are_both_kept(client: FlaskClient) -> None:
    with slow_request(client, create_app, lambda: session.update(title="Party")):
        client.post("/details", data={"place": "The old mill"})
        client.post("/guests", data={"guest": "Ama"})
    assert knows(client, "Party", "The old mill", "Ama")


def test_a_slow_page_does_not_undo_a_sign_out(client: FlaskClient) -> None:
    with slow_request(client, create_app, lambda: session["_user_id"]) as slow:
        client.post("/sign-out")
    assert not knows(client) and not knows(slow)


def test_a_slow_write_does_not_undo_a_sign_out(client: FlaskClient) -> None:
    with slow_request(client, create_app, lambda: session.update(title="Party")) as slow:
        client.post("/sign-out")
    assert not knows(client) and not knows(slow)


def test_a_restart_with_a_new_secret_signs_nobody_out(client: FlaskClient, environment: pytest.MonkeyPatch) -> None:
    client.post("/guests", data={"guest": "Ama"})
    rotate_secret(environment, os.environ["SECRET_KEY"])
    assert knows(same_browser(client, create_app()), "Thandi", "Ama")


def test_the_day_the_import_changes_signs_nobody_out(
    request: pytest.FixtureRequest, environment: pytest.MonkeyPatch, client: FlaskClient
) -> None:
    with warnings.catch_warnings(), environment.context() as patch:
        warnings.simplefilter("ignore")
        import flask_session
        import redis

        def original(app: Any) -> None:
            if app.config.get("SESSION_REDIS"):
                app.config["SESSION_REDIS"] = redis.Redis.from_url(app.config["SESSION_REDIS"])
            flask_session.Session(app)

        patch.setattr(organizer.app, "Session", original)
        before = signed_in(create_app().test_client(), "Sipho")
        before.post("/guests", data={"guest": "Ama"})
        assert knows(before, "Sipho", "Ama")
    after = same_browser(before, create_app())
    assert knows(after, "Sipho", "Ama")
    after.post("/guests", data={"guest": "Ben"})
    assert knows(after, "Ama", "Ben")


@pytest.mark.usefixtures("development")
def test_the_six_hundredth_organizer_signs_nobody_out() -> None:
    app = create_app()
    # Each waits until the disk has it, so many at once.
    with ThreadPoolExecutor(16) as pool:
        clients = list(pool.map(lambda number: signed_in(app.test_client(), f"organizer {number}"), range(600)))
    assert [number for number, client in enumerate(clients) if not knows(client, f"organizer {number}<")] == []


@pytest.mark.usefixtures("development")
def test_an_upgrade_that_names_files_anew_signs_nobody_out() -> None:
    client = signed_in(create_app().test_client())
    cookie = client.get_cookie("session")
    assert cookie is not None
    key = f"organizer:{cookie.value.rpartition('.')[0]}".encode()
    folder = Path(os.environ["DATA"], "flask_session")
    # As cachelib before 0.16 would have named it.
    (folder / hashlib.sha256(key).hexdigest()).rename(folder / hashlib.md5(key).hexdigest())
    assert knows(same_browser(client, create_app()), "Thandi")


def test_redis_without_a_url_is_said_at_the_start(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FLASK_ENV", "production")
    environment.delenv("REDIS_URL", raising=False)
    with pytest.raises(ConfigError, match="SESSION_REDIS is NoneType"):
        create_app()


@pytest.mark.usefixtures("production")
def test_answers_sent_at_once_to_several_workers_are_all_kept(tmp_path: Path) -> None:
    with servers.gunicorn("organizer.app:create_app()", FOLDER, log=tmp_path) as url:
        browser = Browser(url)
        browser.post("/sign-in", {"name": "Thandi"})
        given = {"title": "Party", "place": "The old mill", "day": "2027-01-31"}
        at_once = [("/details", {name: value}) for name, value in given.items()] * 5
        assert set(browser.post_at_once(at_once)) == {302}
        text = browser.get("/")[1]
        assert [value for value in given.values() if value not in text] == []
