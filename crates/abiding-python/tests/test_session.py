"""The session object: a dict that is fetched when it is looked at and stored when it changed."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, flash, get_flashed_messages, session
from flask.sessions import SessionMixin
from flask.testing import FlaskClient

from abiding.flask import ServerSideSession
from conftest import MakeApp


def served(app: Flask, view: Any, client: FlaskClient | None = None) -> Any:
    """What the view answers to one request, as a response."""
    app.view_functions["it"] = view
    if not any(rule.endpoint == "it" for rule in app.url_map.iter_rules()):
        app.add_url_rule("/it", "it")
    return (client or app.test_client()).get("/it")


def values(client: FlaskClient) -> dict[str, Any]:
    with client.session_transaction() as stored:
        return {key: value for key, value in stored.items() if key != "_permanent"}


def put(client: FlaskClient, **pairs: Any) -> None:
    with client.session_transaction() as stored:
        stored.update(pairs)


def cookie(client: FlaskClient, name: str = "session") -> str | None:
    found = client.get_cookie(name)
    return found.value if found else None


def test_a_session_is_what_extensions_take_it_for(app: Flask) -> None:
    def view() -> str:
        real = session._get_current_object()  # type: ignore[attr-defined]
        assert (
            isinstance(real, dict) and isinstance(real, SessionMixin) and isinstance(real, ServerSideSession)
        )
        assert real.new and not real.modified and real.sid is None and not real
        session["a"] = 1
        assert real.modified and real.accessed and real
        return ""

    client = app.test_client()
    served(app, view, client)
    with client.session_transaction() as stored:
        assert not stored.new and not stored.modified and len(stored.sid) == 24


def test_it_does_everything_that_a_dict_does(app: Flask) -> None:
    client = app.test_client()
    put(client, a=1, b=[2])

    def fresh() -> Any:
        return client.session_transaction()

    plain = {"a": 1, "b": [2], "_permanent": True}
    checks: list[Any] = [
        lambda s: s["a"],
        lambda s: s.get("a"),
        lambda s: s.get("z", 5),
        lambda s: "a" in s,
        lambda s: len(s),
        lambda s: sorted(s),
        lambda s: sorted(s.keys()),
        lambda s: sorted(map(str, s.values())),
        lambda s: sorted(map(str, s.items())),
        lambda s: dict(s) == plain,
        lambda s: {**s} == plain,
        lambda s: s == plain,
        lambda s: s != plain,
        lambda s: plain == s,
        lambda s: s.copy() == plain,
        lambda s: (s | {"c": 3}) == {**plain, "c": 3},
        lambda s: ({"c": 3} | s) == {**plain, "c": 3},
        lambda s: sorted(reversed(s)),
        lambda s: s.pop("a"),
        lambda s: s.pop("z", 7),
        lambda s: s.setdefault("a", 9),
        lambda s: s.setdefault("n", 9),
        lambda s: (s.update({"x": 1}, y=2), s["x"], s["y"]),
        lambda s: (s.update([("x", 1)]), s["x"]),
        lambda s: (s.__ior__({"x": 1}))["x"],
        lambda s: (s.__delitem__("a"), "a" in s),
        lambda s: (s.clear(), len(s)),
        lambda s: bool(s),
        lambda s: list(s.popitem()),
    ]
    for number, check in enumerate(checks):
        # Each on a session that nobody looked at before.
        with app.test_request_context(headers={"Cookie": f"session={cookie(client)}"}) as context:
            lazy = app.session_interface.open_session(app, context.request)
            ours, theirs = check(lazy), check(dict(plain))
            if number != len(checks) - 1:
                assert ours == theirs, number
    for missing in (lambda s: s["z"], lambda s: s.pop("z"), lambda s: s.__delitem__("z")):
        with fresh() as stored, pytest.raises(KeyError):
            missing(stored)


def test_code_that_goes_past_the_methods_of_a_dict_finds_the_values(app: Flask) -> None:
    client = app.test_client()
    put(client, a=1)

    def view() -> str:
        return json.dumps(session._get_current_object())  # type: ignore[attr-defined]

    assert json.loads(served(app, view, client).text) == {"a": 1, "_permanent": True}


@pytest.mark.parametrize(
    ("touch", "modified"),
    [
        (lambda s: s.__setitem__("a", 1), True),
        (lambda s: s.pop("zzz", None), False),
        (lambda s: s.pop("a"), True),
        (lambda s: s.setdefault("a", 2), False),
        (lambda s: s.setdefault("b", 2), True),
        (lambda s: s.clear(), True),
        (lambda s: s.update(a=1), True),
        (lambda s: s.__delitem__("a"), True),
        (lambda s: s["a"], False),
        (lambda s: s.popitem(), True),
        (lambda s: list(s.items()), False),
        (lambda s: "a" in s, False),
    ],
)
def test_modified_says_what_flask_s_own_says(app: Flask, touch: Any, modified: bool) -> None:
    client = app.test_client()
    put(client, a=1)
    with client.session_transaction() as stored:
        touch(stored)
        assert stored.modified is modified


def test_who_does_not_look_causes_nothing(app: Flask, tmp_path: Path) -> None:
    answer = served(app, lambda: "")
    assert "Set-Cookie" not in answer.headers and "Vary" not in answer.headers
    assert not (tmp_path / "sessions.db").exists()


def test_looking_varies_and_stores_nothing(app: Flask) -> None:
    for view in (
        lambda: str("a" in session),
        lambda: str(len(session)),
        lambda: str(bool(session)),
        lambda: session.get("a", ""),
    ):
        answer = served(app, view)
        assert (answer.headers.get("Vary"), answer.headers.get("Set-Cookie")) == ("Cookie", None)
        assert answer.headers["Cache-Control"] == "private"


def test_a_page_that_says_how_to_be_cached_is_left_alone(app: Flask) -> None:
    answer = served(app, lambda: (str("a" in session), {"Cache-Control": "public, max-age=5"}))
    assert answer.headers["Cache-Control"] == "public, max-age=5"


def test_an_equal_value_is_no_change(app: Flask) -> None:
    client = app.test_client()
    put(client, a=[1], b="x")

    def view() -> str:
        session["a"] = [1]
        session["b"] = "x"
        session.modified = True
        return ""

    assert "Set-Cookie" not in served(app, view, client).headers
    assert values(client) == {"a": [1], "b": "x"}


def test_a_nested_change_is_noticed(app: Flask) -> None:
    client = app.test_client()
    put(client, form={"steps": [{"n": 1}]})

    def view() -> str:
        session["form"]["steps"][0]["n"] = 2
        session["form"]["steps"].append({"n": 3})
        assert not session.modified
        return ""

    served(app, view, client)
    assert values(client) == {"form": {"steps": [{"n": 2}, {"n": 3}]}}


def test_overlapping_requests_keep_what_each_of_them_wrote(app: Flask) -> None:
    client = app.test_client()
    put(client, a=1, b=[1], gone=1)
    with client.session_transaction() as slow:
        slow["a"], slow["b"]
        with client.session_transaction() as fast:
            fast["b"].append(2)
            fast["c"] = 3
            del fast["gone"]
        slow["a"] = 2
    assert values(client) == {"a": 2, "b": [1, 2], "c": 3}


def test_update_with_a_function_is_computed_on_what_is_stored(app: Flask) -> None:
    client = app.test_client()
    put(client, n=1, other=[1])
    with client.session_transaction() as slow:
        slow["n"]
        slow["mine"] = 1
        with client.session_transaction() as fast:
            assert fast.update("n", lambda n: n + 10) == 11
            fast["other"] = [2]
        asked = []

        def add(n: int) -> int:
            asked.append(n)
            return n + 100

        assert slow.update("n", add) == 111
        assert slow["n"] == 111
        # It was computed anew where it had to be, and what went with it did not undo anything.
        assert asked == [1, 11]
    assert values(client) == {"n": 111, "other": [2], "mine": 1}


def test_update_with_a_function_begins_where_there_is_nothing(app: Flask) -> None:
    client = app.test_client()
    with client.session_transaction() as stored:
        assert stored.update("n", lambda n: (n or 0) + 1) == 1
    with client.session_transaction() as stored:
        assert stored.update("n", lambda n: (n or 0) + 1) == 2
    assert values(client) == {"n": 2}


def test_the_function_of_an_update_may_use_the_session_and_fail(app: Flask) -> None:
    client = app.test_client()
    put(client, price=5, n=1)
    with client.session_transaction() as stored:
        assert stored.update("n", lambda n: n * stored["price"]) == 5
        with pytest.raises(ZeroDivisionError):
            stored.update("n", lambda n: n // 0)
    assert values(client)["n"] == 5


def test_a_cleared_session_has_ended(app: Flask) -> None:
    client = app.test_client()
    put(client, a=1)
    before = cookie(client)
    answer = served(app, lambda: (session.clear(), "")[1], client)
    assert answer.headers["Set-Cookie"] == (
        "session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; HttpOnly; Path=/"
    )
    client.set_cookie("session", str(before))
    assert values(client) == {}


def test_clearing_where_there_is_nothing_stores_nothing(app: Flask) -> None:
    answer = served(app, lambda: (session.clear(), "")[1])
    assert "Set-Cookie" not in answer.headers


def test_what_is_written_after_a_clear_stays_in_the_session(app: Flask) -> None:
    client = app.test_client()
    put(client, a=1)
    before = cookie(client)

    def view() -> str:
        session.clear()
        session["b"] = 2
        return ""

    served(app, view, client)
    assert (values(client), cookie(client)) == ({"b": 2}, before)


def test_permanent_makes_the_cookie_outlive_the_browser(make_app: MakeApp) -> None:
    app = make_app(SESSION_PERMANENT=False)
    client = app.test_client()

    def write() -> str:
        assert session.permanent is False
        session["a"] = 1
        return ""

    assert "Expires" not in served(app, write, client).headers["Set-Cookie"]

    def keep() -> str:
        session.permanent = True
        return ""

    assert "Expires=" in served(app, keep, client).headers["Set-Cookie"]
    assert served(app, lambda: str(session.permanent), client).text == "True"

    def drop() -> str:
        session.permanent = False
        return ""

    assert "Expires" not in served(app, drop, client).headers["Set-Cookie"]
    assert served(app, lambda: str(session.permanent), client).text == "False"
    assert values(client) == {"a": 1}


def test_a_session_is_permanent_unless_the_application_says_otherwise(app: Flask) -> None:
    def view() -> str:
        assert session.permanent is True and not session
        session["a"] = 1
        return ""

    assert "Expires=" in served(app, view).headers["Set-Cookie"]


def test_a_session_that_was_not_used_for_its_lifetime_is_a_new_one(make_app: MakeApp) -> None:
    import time

    app = make_app(PERMANENT_SESSION_LIFETIME=timedelta(seconds=2))
    client = app.test_client()
    put(client, a=1)
    for _ in range(4):
        time.sleep(0.7)
        assert values(client) == {"a": 1}
    time.sleep(2.1)
    with client.session_transaction() as stored:
        assert stored.new and "a" not in stored
        stored["b"] = 2
    assert values(client) == {"b": 2}


def test_without_refresh_only_writing_prolongs_a_session(make_app: MakeApp) -> None:
    import time

    app = make_app(PERMANENT_SESSION_LIFETIME=timedelta(milliseconds=150), SESSION_REFRESH_EACH_REQUEST=False)
    client = app.test_client()
    put(client, a=1)
    for _ in range(3):
        time.sleep(0.06)
        values(client)
    assert values(client) == {}


def test_regenerating_takes_a_new_id_and_keeps_the_values(app: Flask) -> None:
    client = app.test_client()
    put(client, form="typed")
    with client.session_transaction() as stored:
        name = stored.sid
    planted = str(cookie(client))

    def sign_in() -> str:
        session.regenerate()
        session["user"] = "ada"
        return ""

    served(app, sign_in, client)
    assert cookie(client) != planted
    assert values(client) == {"form": "typed", "user": "ada"}
    with client.session_transaction() as stored:
        assert stored.sid == name
        app.session_interface.regenerate(stored)
    # Whoever planted the old id reaches nothing of what came after.
    thief = app.test_client()
    thief.set_cookie("session", planted)
    assert values(thief) == {"form": "typed"}


def test_an_id_that_a_visitor_chose_is_not_taken(app: Flask) -> None:
    client = app.test_client()
    for chosen in ("chosen", "0" * 80, "ARtRkYpWFxFtQ9sEr8GEA2MUgNGOSJVm"):
        client.set_cookie("session", chosen)
        put(client, a=1)
        assert cookie(client) != chosen


def test_a_message_is_flashed_once(app: Flask) -> None:
    client = app.test_client()

    def say() -> str:
        flash("hello", "info")
        flash("there")
        return ""

    served(app, say, client)
    shown = served(app, lambda: json.dumps(get_flashed_messages(with_categories=True)), client)
    assert json.loads(shown.text) == [["info", "hello"], ["message", "there"]]
    assert served(app, lambda: json.dumps(get_flashed_messages()), client).text == "[]"


def test_messages_that_are_flashed_and_shown_at_the_same_time_are_each_shown_once(make_app: MakeApp) -> None:
    """Side by side with Flask, which loses some: the requests overlap as requests do."""
    from flask.sessions import SecureCookieSessionInterface

    def shown_by(app: Flask) -> list[str]:
        first = app.test_client()
        served(app, lambda: (session.__setitem__("user", "ada"), flash("one"))[1] or "", first)
        second = app.test_client()
        second.set_cookie("session", cookie(first))
        third = app.test_client()
        third.set_cookie("session", cookie(first))
        shown = []
        with second.session_transaction() as slow, third.session_transaction() as slower:
            assert slow["_flashes"] and slower["_flashes"]
            # As `flash` does it: the list is fetched, extended, and put back.
            slow["_flashes"] = [*slow["_flashes"], ("message", "two")]
            served(app, lambda: flash("three") or "", first)
            # A page that shows what there is, before the slower ones end.
            shown += json.loads(served(app, lambda: json.dumps(get_flashed_messages()), first).text)
            slower["_flashes"] = [*slower["_flashes"], ("message", "four")]
        last = first if cookie(first) else second
        shown += json.loads(served(app, lambda: json.dumps(get_flashed_messages()), last).text)
        return shown

    assert sorted(shown_by(make_app())) == ["four", "one", "three", "two"]
    theirs = make_app()
    theirs.session_interface = SecureCookieSessionInterface()
    assert sorted(shown_by(theirs)) != ["four", "one", "three", "two"]


def test_a_streamed_answer_reads_the_session_and_can_save_before(app: Flask) -> None:
    from flask import stream_with_context

    client = app.test_client()
    put(client, a=1)

    def view() -> Any:
        session["b"] = 2
        session.save()
        return app.response_class(stream_with_context(str(session["a"]) for _ in range(3)))

    assert served(app, view, client).text == "111"
    assert values(client) == {"a": 1, "b": 2}


def test_who_signs_in_gets_a_new_id_and_who_signs_out_is_gone(app: Flask) -> None:
    client = app.test_client()
    put(client, cart=[1])
    anonymous = str(cookie(client))

    def sign_in() -> str:
        session["_user_id"] = "42"
        return ""

    served(app, sign_in, client)
    signed_in = str(cookie(client))
    assert signed_in != anonymous
    with client.session_transaction() as stored:
        assert stored.subject == "42"
    assert len(app.session_interface.sessions.sessions_of("42")) == 1  # type: ignore[attr-defined]

    def sign_out() -> str:
        session.pop("_user_id")
        session["bye"] = True
        return ""

    served(app, sign_out, client)
    assert values(client) == {"cart": [1], "bye": True}
    for old in (anonymous, signed_in):
        thief = app.test_client()
        thief.set_cookie("session", old)
        assert "_user_id" not in values(thief)


def test_repr_shows_no_value(app: Flask) -> None:
    client = app.test_client()
    put(client, password="hunter2")
    with client.session_transaction() as stored:
        assert "hunter2" not in repr(stored)
        stored["password"]
        assert "hunter2" not in repr(stored) and "password" in repr(stored)
