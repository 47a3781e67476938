"""The organizer on Flask's own cookie: what can be kept there is, and what cannot is asserted as it is."""

from __future__ import annotations

import os

import pytest
from flask.testing import FlaskClient
from test_organizer import knows, signed_in

import organizer_cookie.app
from conftest import rotate_secret, same_browser
from organizer_cookie.app import create_app


@pytest.fixture
def client() -> FlaskClient:
    return signed_in(create_app().test_client())


def test_a_change_within_a_value_is_kept(client: FlaskClient) -> None:
    for guest in ("Ama", "Ben", "Cleo"):
        client.post("/guests", data={"guest": guest})
    assert knows(client, "Ama", "Ben", "Cleo")


def test_the_cookie_outlives_the_browser_for_seven_days(client: FlaskClient) -> None:
    header = client.get("/").headers["Set-Cookie"]
    assert "Expires=" in header and "HttpOnly" in header and "SameSite=Lax" in header


def test_a_restart_with_a_new_secret_signs_nobody_out(client: FlaskClient, environment: pytest.MonkeyPatch) -> None:
    rotate_secret(environment, os.environ["SECRET_KEY"])
    assert knows(same_browser(client, create_app()), "Thandi")


def test_adding_and_removing_the_extension_signs_nobody_out(
    client: FlaskClient, environment: pytest.MonkeyPatch
) -> None:
    client.post("/guests", data={"guest": "Ama"})
    with environment.context() as patch:
        patch.setattr(organizer_cookie.app, "Session", lambda app: None)
        plain = same_browser(client, create_app())
        assert knows(plain, "Thandi", "Ama")
        plain.post("/details", data={"title": "Party"})
    assert knows(same_browser(plain, create_app()), "Thandi", "Ama", "Party")


def test_a_copied_cookie_outlives_its_sign_out(client: FlaskClient) -> None:
    """As it is: nobody keeps a list of such sessions. With a store they end for good."""
    copy = same_browser(client, client.application)
    client.post("/sign-out")
    assert not knows(client) and knows(copy, "Thandi")
