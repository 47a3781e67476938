"""The one-time code on many instances: whichever sent it, any of them takes it, once, and after few guesses none."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path

import pytest
from flask.testing import FlaskClient

import servers
from browser import Browser
from conftest import rotate_secret, same_browser
from one_time_code.app import GUESSES, create_app

FOLDER = Path(__file__).parents[1]


@pytest.fixture
def client(environment: pytest.MonkeyPatch, redis_url: str) -> FlaskClient:
    environment.setenv("REDIS_URL", redis_url)
    return create_app().test_client()


def asked(client: FlaskClient) -> str:
    """Asks for a code, and looks into the mailbox for it."""
    client.post("/code", data={"address": "zoe@example.org"})
    return code_in(client.get("/mailbox").text)


def code_in(text: str) -> str:
    found = re.search(r"your code is (\d{6})", text)
    assert found is not None
    return found[1]


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def guess(client: FlaskClient, code: str) -> str:
    return client.post("/verify", data={"code": code}, follow_redirects=True).text


def test_the_code_signs_in(client: FlaskClient) -> None:
    assert "signed in as zoe@example.org" in guess(client, asked(client))


def test_another_instance_in_another_folder_takes_it(
    client: FlaskClient, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code = asked(client)
    environment.chdir(tmp_path)
    assert "signed in as zoe@example.org" in guess(same_browser(client, create_app()), code)


def test_a_new_secret_neither_voids_a_code_nor_signs_out(client: FlaskClient, environment: pytest.MonkeyPatch) -> None:
    code = asked(client)
    rotate_secret(environment, os.environ["SECRET_KEY"])
    client = same_browser(client, create_app())
    assert "signed in as zoe@example.org" in guess(client, code)
    rotate_secret(environment, os.environ["SECRET_KEY"])
    assert "signed in as zoe@example.org" in same_browser(client, create_app()).get("/").text


def test_an_instance_without_a_secret_does_not_make_one_up(environment: pytest.MonkeyPatch, redis_url: str) -> None:
    environment.setenv("REDIS_URL", redis_url)
    environment.delenv("SECRET_KEY")
    with pytest.raises(KeyError, match="SECRET_KEY"):
        create_app()


def test_the_cookie_does_not_tell_the_code(client: FlaskClient) -> None:
    code = asked(client)
    cookie = client.get_cookie("session")
    assert cookie is not None
    with client.session_transaction() as stored:
        assert code not in str(dict(stored))
    assert code not in cookie.value


def test_a_cookie_that_is_put_back_brings_no_guesses_back(client: FlaskClient) -> None:
    code = asked(client)
    before = same_browser(client, client.application)
    for left in range(GUESSES - 1, -1, -1):
        assert f"{left} guesses are left" in guess(client, wrong(code))
    assert "This code is over" in guess(before, code)


def test_a_code_is_good_for_once(client: FlaskClient) -> None:
    code = asked(client)
    before = same_browser(client, client.application)
    assert "signed in as" in guess(client, code)
    assert "This code is over" in guess(before, code)


def test_requests_that_meet_another_instance_each_time_sign_in(
    environment: pytest.MonkeyPatch, redis_url: str, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        places = []
        for name in "abc":
            folder = tmp_path / name
            folder.mkdir()
            pages = f"--pythonpath={FOLDER}"
            target = "one_time_code.app:create_app()"
            url = stack.enter_context(servers.gunicorn(target, folder, pages, REDIS_URL=redis_url))
            places.append(Browser(url).place)
        instances = cycle(places)
        browser = Browser("http://")

        def next_instance() -> Browser:
            browser.place = next(instances)
            return browser

        for _ in range(5):
            assert next_instance().post("/code", {"address": "zoe@example.org"})[0] == 302
            code = code_in(next_instance().get("/mailbox")[1])
            assert next_instance().post("/verify", {"code": wrong(code)})[0] == 302
            assert next_instance().post("/verify", {"code": code})[0] == 302
            assert "signed in as zoe@example.org" in next_instance().get("/")[1]
            assert next_instance().post("/sign-out")[0] == 302
            assert "signed in as" not in next_instance().get("/")[1]
