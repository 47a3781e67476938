"""Many requests at once, on real workers: nothing written is lost, nothing ended returns."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import session

import servers
from conftest import STORES, MakeApp, url_of

APPS = Path(__file__).parent / "apps"


class Browser:
    """Requests to one place, with one cookie; not a jar, so that many threads may have it."""

    def __init__(self, url: str) -> None:
        self.place = urlsplit(url).netloc
        self.cookie = ""

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.place, timeout=30)
        try:
            connection.request("GET", path, headers={"Cookie": self.cookie} if self.cookie else {})
            answer = connection.getresponse()
            for header in answer.headers.get_all("Set-Cookie") or []:
                self.cookie = header.partition(";")[0]
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def values(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(self.get("/read")[1])
        values.pop("_permanent", None)
        return values

    def at_once(self, paths: list[str]) -> list[tuple[int, str]]:
        barrier = threading.Barrier(len(paths))

        def one(path: str) -> tuple[int, str]:
            barrier.wait()
            copy = Browser(f"http://{self.place}")
            copy.cookie = self.cookie
            return copy.get(path)

        with ThreadPoolExecutor(len(paths)) as pool:
            return list(pool.map(one, paths))


def flask_session(kind: str, url: str, folder: Path) -> dict[str, Any]:
    """The settings by which Flask-Session would keep sessions there."""
    if kind == "file":
        return {"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": str(folder / "files")}
    if kind in ("memcached", "redis"):
        return {"SESSION_TYPE": kind, f"SESSION_{kind.upper()}": url}
    # As SQLAlchemy has them: four slashes before an absolute path.
    url = url.replace("sqlite://", "sqlite:///")
    return {"SESSION_TYPE": "sqlalchemy", "SQLALCHEMY_DATABASE_URI": url}


WAYS = [
    *(pytest.param((kind, "ours"), id=kind) for kind in STORES),
    *(pytest.param((kind, "preload"), id=f"{kind}, preload") for kind in STORES),
    *(pytest.param((kind, "Flask-Session"), id=f"{kind} of Flask-Session") for kind in STORES),
    *(pytest.param((kind, "gevent"), id=f"{kind}, gevent") for kind in ("sqlite", "redis")),
    *(pytest.param((kind, "uwsgi"), id=f"{kind}, uWSGI") for kind in ("sqlite", "redis")),
]


@pytest.fixture(scope="module", params=WAYS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An application under gunicorn, in each layout of each store."""
    kind, way = request.param
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(APPS / "busy.py", folder)
    url = url_of(kind, request, folder)
    settings: dict[str, Any] = {"SESSION_ABIDING_URL": url}
    if way == "Flask-Session":
        settings = flask_session(kind, url, folder)
    settings["SECRET_KEY"] = secrets.token_hex()
    environment, arguments = {"SETTINGS": json.dumps(settings)}, []
    if way == "preload":
        environment["OPENED_BEFORE_THE_FORK"] = "yes"
        arguments = ["--preload"]
    if way == "gevent":
        arguments = ["--worker-class", "gevent"]
    serve = servers.uwsgi if way == "uwsgi" else servers.gunicorn
    with serve("busy:app", folder, *arguments, **environment) as place:
        yield place


@pytest.fixture
def browser(server: str) -> Browser:
    return Browser(server)


def test_fifty_keys_written_at_once_are_fifty_keys(browser: Browser) -> None:
    workers: set[str] = set()

    def both_work() -> bool:
        workers.update(text for _, text in browser.at_once(["/pid?ms=10"] * 32))
        return len(workers) == 2

    # Whichever worker is idle takes what comes, and may take all of it for a while.
    servers.eventually(both_work, 60)
    for milliseconds in (0, 5, 50):
        browser.cookie = ""
        browser.get("/set/first")
        answers = browser.at_once([f"/set/k{number}?ms={milliseconds}" for number in range(50)])
        assert {status for status, _ in answers} == {200}
        assert sorted(browser.values()) == sorted(["first", *(f"k{number}" for number in range(50))])


def test_a_counter_counts_every_request(browser: Browser) -> None:
    browser.get("/add")
    answers = browser.at_once(["/add"] * 50)
    assert sorted(int(text) for _, text in answers) == list(range(2, 52))
    assert browser.values() == {"n": 51}


def test_nobody_who_signed_out_is_signed_in_again(browser: Browser) -> None:
    returned = []
    for number in range(20):
        browser.cookie = ""
        browser.get("/set/user")
        kept = browser.cookie
        # A slow reader, and a slow writer, whose requests began before the sign-out and end after it.
        slow = [
            threading.Thread(target=browser_of(browser).get, args=(path,))
            for path in ("/read?ms=60", "/set/k?ms=60")
        ]
        for thread in slow:
            thread.start()
        if number % 2:
            browser_of(browser).get("/out")
        else:
            browser.get("/out")
        for thread in slow:
            thread.join()
        browser.cookie = kept
        returned += [number] if "user" in browser.values() else []
    assert returned == []


def browser_of(browser: Browser) -> Browser:
    other = Browser(f"http://{browser.place}")
    other.cookie = browser.cookie
    return other


def test_threads_of_one_process_share_a_store(make_app: MakeApp, store_url: str) -> None:
    app = make_app(SESSION_ABIDING_URL=store_url)
    app.add_url_rule("/add", "add", lambda: str(session.update("n", lambda n: (n or 0) + 1)))
    app.add_url_rule("/set/<key>", "set", lambda key: (session.__setitem__(key, 1), "")[1])
    client = app.test_client()
    client.get("/add")
    cookie = client.get_cookie("session")
    assert cookie is not None
    header = {"Cookie": f"session={cookie.value}"}

    def work(number: int) -> None:
        for turn in range(10):
            assert app.test_client(use_cookies=False).get("/add", headers=header).status_code == 200
            app.test_client(use_cookies=False).get(f"/set/k{number}-{turn}", headers=header)

    run(work, 8)
    with client.session_transaction() as stored:
        assert stored["n"] == 81
        assert sum(key.startswith("k") for key in stored) == 80


def run(work: Callable[[int], None], threads: int) -> None:
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_opens_the_store_for_itself(make_app: MakeApp, store_url: str) -> None:
    app = make_app(SESSION_ABIDING_URL=store_url)
    app.add_url_rule("/add", "add", lambda: str(session.update("n", lambda n: (n or 0) + 1)))
    client = app.test_client()
    client.get("/add")
    for _ in range(3):
        child = os.fork()
        if child == 0:
            # A child that fails says so by its status, and never by running the tests a second time.
            code = 1
            try:
                code = 0 if all(client.get("/add").status_code == 200 for _ in range(5)) else 2
            finally:
                os._exit(code)
        for _ in range(5):
            assert client.get("/add").status_code == 200
        assert os.waitpid(child, 0)[1] == 0
    with client.session_transaction() as stored:
        assert stored["n"] == 31
