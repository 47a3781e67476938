"""A browser with one cookie, for real servers; many threads may have it, so it is no jar."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode, urlsplit


class Browser:
    def __init__(self, url: str, cookie: str = "") -> None:
        self.place = urlsplit(url).netloc
        self.cookie = cookie

    def get(self, path: str) -> tuple[int, str]:
        return self._ask("GET", path, None)

    def post(self, path: str, form: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Sends a form. Where the answer leads is not followed."""
        return self._ask("POST", path, urlencode(form or {}))

    def post_at_once(self, forms: list[tuple[str, Mapping[str, str]]]) -> list[int]:
        """Sends all of them at the same moment, each with the cookie of now: the statuses of the answers."""
        barrier = threading.Barrier(len(forms))

        def send(form: tuple[str, Mapping[str, str]]) -> int:
            barrier.wait()
            return Browser(f"http://{self.place}", self.cookie).post(*form)[0]

        with ThreadPoolExecutor(len(forms)) as pool:
            return list(pool.map(send, forms))

    def _ask(self, method: str, path: str, body: str | None) -> tuple[int, str]:
        headers: dict[str, Any] = {"Cookie": self.cookie} if self.cookie else {}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection(self.place, timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            for header in answer.headers.get_all("Set-Cookie") or []:
                pair, _, attributes = header.partition(";")
                self.cookie = "" if "Max-Age=0" in attributes else pair
            return answer.status, answer.read().decode()
        finally:
            connection.close()
