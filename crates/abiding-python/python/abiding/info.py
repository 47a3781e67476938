"""What is known of a session, and how its cookie is described."""

from __future__ import annotations

from typing import TypedDict


class Info(TypedDict):
    """A stored session seen from outside: for pages and operators that show it. Times are Unix seconds."""

    #: Names the session, says nothing about its id, and stays the same when that is renewed.
    handle: str
    created: float
    #: When it was last written or touched.
    seen: float
    #: When it ends unless it is used before; ``None`` if idling does not end it.
    idle_deadline: float | None
    #: When it ends, however it is used.
    absolute_deadline: float
    #: Who is signed in.
    subject: str | None
    device: str | None
    #: Whether the cookie outlives the browser.
    persistent: bool


class Cookie(TypedDict):
    """The name and attributes of a session cookie."""

    name: str
    #: Without a leading dot, in ASCII; ``None`` for this host alone.
    domain: str | None
    #: Percent-encoded.
    path: str
    secure: bool
    http_only: bool
    #: ``Lax``, ``None`` or ``Strict``; ``None`` leaves the attribute out.
    same_site: str | None
    partitioned: bool


class FlaskSessionSettings(TypedDict):
    """Where Flask-Session keeps sessions, and how."""

    #: ``files``, ``memcached``, ``mysql``, ``postgres``, ``redis`` or ``sqlite``.
    engine: str
    #: A URL, or a path.
    place: str
    prefix: str
    lifetime_seconds: float
    permanent: bool
    #: The signing one first; empty where ids are not signed.
    secrets: list[bytes]
    #: In bytes.
    id_length: int
    #: ``msgpack`` or ``json``.
    format: str
    table: str
    #: Whether files are named as cachelib 0.16 and later names them.
    sha256: bool
    #: Whether each use prolongs a session, and not only what is written.
    slide: bool
