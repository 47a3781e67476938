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


def test_a_slow_page_does_not_undo_the_choice(client: FlaskClient) -> None:
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
def test_a_change_of_the_place_and_the_way_back_sign_nobody_out(
    environment: pytest.MonkeyPatch, before: str, after: str
) -> None:
    environment.setenv("PLATFORMS_SESSIONS", before)
    client = signed_in(create_app().test_client())
    client.post("/switch/video")
    publish(client, "video")
    for place, expected, platform in ((after, "video", "news"), (before, "news", "shop")):
        environment.setenv("PLATFORMS_SESSIONS", place)
        client = same_browser(client, create_app())
        assert is_known(client) and chosen(client) == expected
        assert "We are open" in client.get("/").text
        client.post(f"/switch/{platform}")
        assert chosen(client) == platform


@pytest.mark.parametrize(("before", "after"), [("table", "cookie"), ("cookie", "table")])
def test_who_signs_out_on_the_way_stays_signed_out(environment: pytest.MonkeyPatch, before: str, after: str) -> None:
    environment.setenv("PLATFORMS_SESSIONS", before)
    first = signed_in(create_app().test_client())
    environment.setenv("PLATFORMS_SESSIONS", after)
    client = same_browser(first, create_app())
    assert is_known(client)
    client.post("/sign-out")
    assert not is_known(client)
    # With the cookie of before it moved.
    assert not is_known(same_browser(first, create_app()))
