"""The switch between platforms, with sessions in a table and in the cookie, and on the way from one to the other."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from conftest import same_browser, slow_request
from flask import session
from platforms.app import create_app


@pytest.fixture(params=["table", "cookie"])
def client(request: pytest.FixtureRequest, environment: pytest.MonkeyPatch) -> FlaskClient:
    environment.setenv("PLATFORMS_SESSIONS", request.param)
    return signed_in(create_app().test_client())


def signed_in(client: FlaskClient) -> FlaskClient:
    client.post("/sign-in", data={"name": "Thandi"})
    assert is_known(client)
    return client


def is_known(client: FlaskClient) -> bool:
    answer = client.get("/")
    assert answer.status_code == 200
    return "Thandi" in answer.text


def chosen(client: FlaskClient) -> str:
    return client.get("/").text.partition('name="platform" value="')[2].partition('"')[0]


def publish(client: FlaskClient, platform: str) -> str:
    form = {"platform": platform, "text": "We are open"}
    return client.post("/publish", data=form, follow_redirects=True).text


def test_what_is_published_goes_where_its_form_said(client: FlaskClient) -> None:
    assert "Published on The shop" in publish(client, "shop")
    client.post("/switch/news")
    assert "Nothing was published: you have switched to The newsletter" in publish(client, "shop")
    assert "Published on The newsletter" in publish(client, "news")


def test_a_restart_keeps_the_choice(client: FlaskClient) -> None:
    client.post("/switch/video")
    client = same_browser(client, create_app())
    assert is_known(client) and chosen(client) == "video"


def test_a_slow_page_does_not_undo_the_choice(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PLATFORMS_SESSIONS", "table")
    client = signed_in(create_app().test_client())
    with slow_request(client, create_app, lambda: session["name"]):
        client.post("/switch/news")
    assert chosen(client) == "news"


def test_two_tabs_keep_what_each_of_them_wrote(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PLATFORMS_SESSIONS", "table")
    client = signed_in(create_app().test_client())
    with slow_request(client, create_app, lambda: session.update(published=[{"text": "We are open", "on": "shop"}])):
        client.post("/switch/news")
    assert chosen(client) == "news" and "We are open" in client.get("/").text


@pytest.mark.parametrize(("before", "after"), [("table", "cookie"), ("cookie", "table")])
def test_a_change_of_the_place_asks_to_sign_in_again_and_breaks_nothing(
    environment: pytest.MonkeyPatch, before: str, after: str
) -> None:
    """As it is: sessions do not move by themselves between a table and the cookie."""
    environment.setenv("PLATFORMS_SESSIONS", before)
    client = signed_in(create_app().test_client())
    environment.setenv("PLATFORMS_SESSIONS", after)
    client = same_browser(client, create_app())
    assert not is_known(client)
    signed_in(client)
    client.post("/switch/news")
    assert chosen(client) == "news"


@pytest.mark.parametrize(("before", "after"), [("table", "cookie"), ("cookie", "table")])
def test_the_way_back_knows_whoever_did_not_come_meanwhile(
    environment: pytest.MonkeyPatch, before: str, after: str
) -> None:
    environment.setenv("PLATFORMS_SESSIONS", before)
    client = signed_in(create_app().test_client())
    client.post("/switch/video")
    environment.setenv("PLATFORMS_SESSIONS", after)
    # A look that is not a sign-in leaves the cookie as it is.
    client = same_browser(client, create_app())
    assert not is_known(client)
    environment.setenv("PLATFORMS_SESSIONS", before)
    client = same_browser(client, create_app())
    assert is_known(client) and chosen(client) == "video"
