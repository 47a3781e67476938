"""Every value keeps its type through the store, and is plain JSON for other hosts where it can be."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import uuid
from collections import OrderedDict, defaultdict, deque
from typing import Any, NamedTuple

import pytest
from flask import Flask, session
from markupsafe import Markup

from abiding import EncodeError
from conftest import MakeApp

UTC = datetime.timezone.utc


class Color(enum.IntEnum):
    RED = 1


class Plain(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Point:
    x: int


class Pair(NamedTuple):
    a: int
    b: int


KEPT: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**63,
    -(2**63) - 1,
    10**300,
    -(10**300),
    1.5,
    -0.0,
    1e300,
    5e-324,
    "",
    "text",
    "Zoë 日本 😀",
    "\ud800 alone",
    'quote " and \\ and \n and \x00',
    b"",
    b"\x00\xff",
    (),
    (1, "a", (2,)),
    [],
    [1, [2, {"a": [3]}]],
    {},
    {"a": {"b": None}},
    {" t": [1]},
    {" di": {" t": 1}},
    Markup("<b>"),
    uuid.UUID("12345678-1234-5678-1234-567812345678"),
    datetime.datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
]

#: What JSON and Flask's tags have no word for keeps its type in a store all the same.
KEPT += [
    datetime.datetime(2026, 2, 3, 4, 5, 6, 789),
    datetime.datetime(2026, 2, 3, 4, tzinfo=datetime.timezone(datetime.timedelta(hours=9))),
    datetime.datetime(2026, 10, 25, 2, 30, fold=1),
    datetime.datetime(1, 1, 1, tzinfo=UTC),
    datetime.date(2026, 2, 3),
    datetime.time(4, 5, 6, 7),
    datetime.timedelta(-1, 5, 7),
    decimal.Decimal("1.10"),
    {1, "a"},
    frozenset({1}),
    deque([1, 2], maxlen=3),
    bytearray(b"a"),
    1j,
    range(1, 10, 2),
    float("inf"),
    {1: "a", None: "b", (1, 2): "c", 1.5: "d"},
]

#: What becomes another type, one that it is as well.
TURNED: list[tuple[Any, Any]] = [
    (Color.RED, 1),
    (Point(1), {"x": 1}),
    (Pair(1, 2), (1, 2)),
    (OrderedDict(a=1), {"a": 1}),
    (defaultdict(list, a=[1]), {"a": [1]}),
    ([1, {Color.RED}], [1, {1}]),
]

REFUSED: list[tuple[Any, str]] = [
    (Plain.RED, "Plain"),
    (object(), "object"),
    (Color, "EnumType" if hasattr(enum, "EnumType") else "EnumMeta"),
    (len, "builtin_function_or_method"),
    ({1: {2: object()}}, "object"),
]

#: The same through Flask's cookie, which turns more and refuses more.
IN_A_COOKIE: list[tuple[Any, Any]] = [
    (datetime.datetime(2026, 2, 3, 4, 5, 6, 789), datetime.datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)),
    (datetime.date(2026, 2, 3), "Tue, 03 Feb 2026 00:00:00 GMT"),
    (decimal.Decimal("1.10"), "1.10"),
    ({1: "a", 2: "b"}, {"1": "a", "2": "b"}),
]


def through_the_store(app: Flask, value: Any) -> Any:
    client = app.test_client()
    with client.session_transaction() as stored:
        stored["value"] = value
    with client.session_transaction() as stored:
        assert not stored.new
        return stored["value"]


@pytest.mark.parametrize("value", KEPT, ids=lambda value: repr(value)[:40])
def test_a_value_comes_back_as_it_was(app: Flask, value: Any) -> None:
    came = through_the_store(app, value)
    assert came == value
    assert type(came) is type(value)
    assert repr(came) == repr(value)


@pytest.mark.parametrize(("value", "expected"), TURNED, ids=lambda value: repr(value)[:40])
def test_a_value_of_a_type_of_its_own_becomes_what_it_is_as_well(
    app: Flask, value: Any, expected: Any
) -> None:
    came = through_the_store(app, value)
    assert (came, type(came)) == (expected, type(expected))


@pytest.mark.parametrize(("value", "expected"), IN_A_COOKIE, ids=lambda value: repr(value)[:40])
def test_flask_s_cookie_turns_a_value_into_what_flask_turns_it_into(
    make_app: MakeApp, value: Any, expected: Any
) -> None:
    came = through_the_store(make_app(SESSION_ABIDING_URL=None), value)
    assert (came, type(came)) == (expected, type(expected))


@pytest.mark.parametrize("value", [{1}, frozenset(), deque(), datetime.timedelta(1), 1j, {(1, 2): 3}])
def test_flask_s_cookie_refuses_what_flask_refuses(make_app: MakeApp, value: Any) -> None:
    with pytest.raises(EncodeError, match='session\\["value"\\]'):
        through_the_store(make_app(SESSION_ABIDING_URL=None), value)


@pytest.mark.parametrize(("value", "kind"), REFUSED, ids=lambda value: repr(value)[:40])
def test_a_value_that_cannot_be_kept_is_refused_with_its_way_and_type(
    app: Flask, value: Any, kind: str
) -> None:
    client = app.test_client()
    with pytest.raises(EncodeError, match=kind) as caught, client.session_transaction() as stored:
        stored["cart"] = {"items": [0, value]}
    assert 'session["cart"]["items"][1]' in str(caught.value)
    assert isinstance(caught.value, TypeError)


def test_a_value_that_nests_without_end_is_refused(app: Flask) -> None:
    endless: list[Any] = []
    endless.append(endless)
    client = app.test_client()
    with pytest.raises(EncodeError, match="nested"), client.session_transaction() as stored:
        stored["value"] = endless


def test_nothing_is_stored_of_a_request_whose_session_cannot_be(make_app: MakeApp) -> None:
    app = make_app(TESTING=False)

    @app.get("/")
    def view() -> str:
        session["a"] = 1
        session["b"] = object()
        return ""

    client = app.test_client()
    assert client.get("/").status_code == 500
    with client.session_transaction() as stored:
        assert stored.new and "a" not in stored


def test_a_session_that_outgrows_its_limit_is_refused(app: Flask) -> None:
    from abiding import TooLargeError

    client = app.test_client()
    with pytest.raises(TooLargeError, match="65"), client.session_transaction() as stored:
        stored["value"] = "x" * 70_000


def test_a_key_keeps_its_type_too(app: Flask) -> None:
    client = app.test_client()
    with client.session_transaction() as stored:
        stored.update({1: "int", None: "none", (2, 3): "tuple"})  # type: ignore[dict-item]
    with client.session_transaction() as stored:
        del stored[(2, 3)]  # type: ignore[arg-type]
        assert stored.update(1, lambda value: value + "!") == "int!"
    with client.session_transaction() as stored:
        found = {key: stored[key] for key in stored if key != "_permanent"}
        assert found == {None: "none", 1: "int!"}
    with pytest.raises(EncodeError, match="255"), client.session_transaction() as stored:
        stored["k" * 256] = 1


def test_values_are_what_flask_s_own_json_has(app: Flask) -> None:
    """The tags are Flask's, so that its serializer reads what is stored, and the other way round."""
    from flask.sessions import session_json_serializer

    from abiding import _native

    codec = _native.SignedCookies([b"secret"], max_age=1)
    from itsdangerous import URLSafeTimedSerializer

    for value in KEPT[: KEPT.index(uuid.UUID("12345678-1234-5678-1234-567812345678")) + 2]:
        theirs = URLSafeTimedSerializer(
            "secret",
            salt="cookie-session",
            serializer=session_json_serializer,
            signer_kwargs={"key_derivation": "hmac"},
        )
        read = theirs.loads(codec.write({"value": value}))
        assert repr(read) == repr({"value": value})
        assert repr(codec.read(theirs.dumps({"value": value}))) == repr({"value": value})
        json.dumps(read, default=str)
