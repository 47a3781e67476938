"""One session in two processes: what Flask or Rust writes, the other reads; what one of them ends is over for both."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import servers
from browser import Browser

FOLDER = Path(__file__).parents[1]
OURS, ORIGINAL = "shop:create_app()", "original:app"
STORES = ["redis", "sqlite", "postgres"]


@pytest.fixture
def sessions(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param in ("redis", "postgres"):
        url: str = request.getfixturevalue(f"{request.param}_url")
        return url.replace("+psycopg2", "")
    return {"cookie": "cookie", "sqlite": f"sqlite:{tmp_path}/shop.db"}[request.param]


@contextlib.contextmanager
def shop(target: str, sessions: str, log: Path) -> Iterator[str]:
    """Flask under gunicorn, and the program in Rust before it."""
    program = os.environ.get("ABIDING_EXAMPLE_SHARED")
    if program is None:
        servers.missing("wheel")
    python, tests = FOLDER / "python", f"--pythonpath={FOLDER / 'tests'}"
    # Warnings of the original about what is no longer recommended.
    quiet = {"SESSIONS": sessions, "PYTHONWARNINGS": "ignore"}
    with servers.gunicorn(target, python, "--preload", tests, log=log, **quiet) as flask:
        port = servers.free_port()
        environment = {**os.environ, "SESSIONS": sessions, "FLASK": Browser(flask).place, "PORT": str(port)}
        with servers.running([str(program)], env=environment, stdout=subprocess.DEVNULL):
            servers.eventually(lambda: servers.answers(port))
            yield f"http://127.0.0.1:{port}"


def page(browser: Browser, path: str, made_by: str) -> str:
    status, text = browser.get(path)
    assert status == 200 and f"made by {made_by}" in text
    return text


@pytest.mark.parametrize("target", [OURS, ORIGINAL], ids=["ours", "original"])
@pytest.mark.parametrize("sessions", ["cookie", *STORES], indirect=True)
def test_both_halves_have_one_session(target: str, sessions: str, tmp_path: Path) -> None:
    with shop(target, sessions, tmp_path) as url:
        browser = Browser(url)
        # Signed in by Flask; read and written by Rust, which leaves a message that Flask shows.
        browser.post("/sign-in", {"name": "Zoë"})
        assert "Zoë" in page(browser, "/basket", "Rust")
        for item in ("tea", "tea", "coffee"):
            assert browser.post("/basket", {"item": item})[0] == 303
        text = page(browser, "/", "Flask")
        assert "Zoë" in text and "2 × tea" in text and "1 × coffee" in text
        assert text.count("tea is in your basket") == 2
        assert "is in your basket" not in page(browser, "/basket", "Rust")
        # Written by Flask; read by Rust, which shows Flask's message.
        browser.post("/note", {"note": "After five, please"})
        text = page(browser, "/basket", "Rust")
        assert "After five, please" in text and "We have your note" in text
        assert "We have your note" not in page(browser, "/", "Flask")

        # Signed out by Rust: gone in Flask.
        before = browser.cookie
        browser.post("/account/sign-out")
        text = page(browser, "/", "Flask")
        assert "Zoë" not in text and "tea" not in text and "Come back soon" in text
        if sessions != "cookie":
            assert "Zoë" not in page(Browser(url, before), "/", "Flask")

        # And the other way round.
        browser.post("/account/sign-in", {"name": "Thabo"})
        assert "Thabo" in page(browser, "/", "Flask")
        browser.post("/basket", {"item": "bread"})
        before = browser.cookie
        browser.post("/sign-out")
        text = page(browser, "/basket", "Rust")
        assert "Thabo" not in text and "bread" not in text and "Goodbye" in text
        if sessions != "cookie":
            assert "Thabo" not in page(Browser(url, before), "/basket", "Rust")


@pytest.mark.parametrize("sessions", STORES, indirect=True)
def test_fifty_writes_of_both_halves_at_once_are_all_kept(sessions: str, tmp_path: Path) -> None:
    with shop(OURS, sessions, tmp_path) as url:
        browser = Browser(url)
        browser.post("/sign-in", {"name": "Zoë"})
        in_rust = [("/basket", {"item": f"r{number}"}) for number in range(25)]
        in_flask = [(f"/keep/f{number}", {"value": f"v{number}"}) for number in range(25)]
        mixed = [form for pair in zip(in_rust, in_flask, strict=True) for form in pair]
        assert sorted(browser.post_at_once(mixed)) == [204] * 25 + [303] * 25
        text = page(browser, "/basket", "Rust")
        assert [number for number in range(25) if f">1 × r{number}<" not in text] == []
        assert text.count("is in your basket") == 25
        assert [number for number in range(25) if browser.get(f"/keep/f{number}")[1] != f"v{number}"] == []
        assert "Zoë" in text


@pytest.mark.parametrize("sessions", STORES, indirect=True)
def test_a_late_write_of_either_half_brings_nobody_back(sessions: str, tmp_path: Path) -> None:
    with shop(OURS, sessions, tmp_path) as url:
        for sign_out in ("/sign-out", "/account/sign-out"):
            browser = Browser(url)
            browser.post("/sign-in", {"name": "Zoë"})
            kept = browser.cookie
            late = [("/basket", {"item": "tea"}), ("/keep/k", {"value": "v"}), (sign_out, {})] * 4
            # Whoever wrote too late is told so: 409.
            assert set(browser.post_at_once(late)) <= {204, 302, 303, 409}
            assert "Zoë" not in page(Browser(url, kept), "/", "Flask")
            assert "Zoë" not in page(Browser(url, kept), "/basket", "Rust")


def test_flask_that_is_away_is_a_502_and_no_end_of_anything(tmp_path: Path) -> None:
    with shop(OURS, f"sqlite:{tmp_path}/shop.db", tmp_path) as url:
        browser = Browser(url)
        browser.post("/account/sign-in", {"name": "Zoë"})
        gone = {**os.environ, "SESSIONS": f"sqlite:{tmp_path}/shop.db", "FLASK": "127.0.0.1:1"}
        port = servers.free_port()
        with servers.running([os.environ["ABIDING_EXAMPLE_SHARED"]], env={**gone, "PORT": str(port)}):
            servers.eventually(lambda: servers.answers(port))
            alone = Browser(f"http://127.0.0.1:{port}", browser.cookie)
            assert alone.get("/")[0] == 502
            assert "Zoë" in page(alone, "/basket", "Rust")
