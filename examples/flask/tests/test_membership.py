"""The form of five steps: no answer is lost, whatever happens meanwhile."""

from __future__ import annotations

import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask.testing import FlaskClient

import servers
from browser import Browser
from conftest import rotate_secret, same_browser, slow_request
from flask import session
from membership.app import STEPS, Application, create_app

FOLDER = Path(__file__).parents[1]


def answers() -> dict[str, dict[str, str]]:
    """What somebody answers whom nobody knows yet."""
    return {
        "personal": {"first_names": "Zoë", "surname": "Dlamini", "id_number": secrets.token_hex(8)},
        "contact": {"email": "zoe@example.org", "phone": "011 555 0100", "town": "Soweto"},
        "declaration": {"agrees": "yes", "signature": "Z. Dlamini"},
        "payment": {"method": "Cash at the branch"},
    }


def fill(client: FlaskClient, given: dict[str, dict[str, str]]) -> None:
    for slug, fields in given.items():
        assert client.post(f"/step/{slug}", data=fields).status_code == 302


def held(text: str, given: dict[str, dict[str, str]]) -> bool:
    return all(f">{value}<" in text for fields in given.values() for value in fields.values())


@pytest.fixture
def client(environment: pytest.MonkeyPatch, postgres_url: str) -> FlaskClient:
    environment.setenv("DATABASE_URL", postgres_url)
    return create_app().test_client()


def test_five_steps_become_one_application(client: FlaskClient) -> None:
    given = answers()
    assert client.get("/").location == "/step/personal"
    fill(client, given)
    assert held(client.get("/review").text, given)
    assert "M-0" in client.post("/send", follow_redirects=True).text
    with client.application.app_context():
        row = Application.query.filter_by(id_number=given["personal"]["id_number"]).one()
        assert row.answers == {name: value for fields in given.values() for name, value in fields.items()}
    assert client.get("/").location == "/step/personal"


def test_a_restart_between_any_two_steps_asks_nothing_again(client: FlaskClient) -> None:
    given = answers()
    for slug, fields in given.items():
        client = same_browser(client, create_app())
        assert client.get("/").location == f"/step/{slug}"
        client.post(f"/step/{slug}", data=fields)
    assert held(same_browser(client, create_app()).get("/review").text, given)


def test_a_restart_with_a_new_secret_asks_nothing_again(client: FlaskClient, environment: pytest.MonkeyPatch) -> None:
    given = answers()
    fill(client, given)
    rotate_secret(environment, os.environ["SECRET_KEY"])
    client = same_browser(client, create_app())
    assert held(client.get("/review").text, given)


def test_a_step_that_is_sent_while_another_is_slow_is_kept(client: FlaskClient) -> None:
    given = answers()
    client.post("/step/personal", data=given["personal"])

    def first_half() -> None:
        session["contact"] = given["contact"]

    with slow_request(client, create_app, first_half):
        client.post("/step/declaration", data=given["declaration"])
        client.post("/step/payment", data=given["payment"])
    assert held(client.get("/review").text, given)


def test_a_slow_page_does_not_bring_back_what_was_sent(client: FlaskClient) -> None:
    fill(client, answers())
    with slow_request(client, create_app, lambda: session["personal"]):
        client.post("/send")
    assert client.get("/").location == "/step/personal"


def test_a_transaction_that_failed_does_not_take_the_session_with_it(client: FlaskClient) -> None:
    given = answers()
    fill(client, given)
    client.post("/send")
    fill(client, given)
    answer = client.post("/send", follow_redirects=True)
    assert answer.status_code == 200 and "has applied before" in answer.text
    assert held(client.get("/review").text, given)


def test_the_steps_of_many_visitors_at_once_are_kept_by_several_workers(client: FlaskClient, tmp_path: Path) -> None:
    visitors = [answers() for _ in range(10)]

    def visit(given: dict[str, dict[str, str]]) -> bool:
        browser = Browser(url)
        browser.post("/step/personal", given["personal"])
        # The other three at the same moment, as from three tabs.
        statuses = browser.post_at_once([(f"/step/{slug}", given[slug]) for slug in list(STEPS)[1:]])
        return set(statuses) == {302} and held(browser.get("/review")[1], given)

    with servers.gunicorn("membership.app:create_app()", FOLDER, "--preload", log=tmp_path) as url:
        with ThreadPoolExecutor(5) as pool:
            assert list(pool.map(visit, visitors)) == [True] * 10
