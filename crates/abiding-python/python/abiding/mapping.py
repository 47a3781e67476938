"""A session as a dict: fetched when it is first looked at, stored when it changed.

What a request changed is found by comparing each value with the one that was fetched, so a nested change
counts and writing an equal value does not; each key is stored by itself, so that two requests which change
different keys both keep what they did.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, TypeVar, overload

from abiding import _native

_T = TypeVar("_T")
_MISSING: Any = object()


class SessionDict(dict[str, Any]):
    """The session of one request. To be settled once, when the response is ready."""

    #: Whether a key was set or removed. Setting it by hand is not needed, and does no harm.
    modified: bool = False

    #: The key of a pair that is no value of the session, if there is one.
    _beside: str | None = None

    # Of the class, so that a request that does not look at its session sets none of them.
    _accessed = False
    _failure: Exception | None = None
    #: Whether the values are there.
    _loaded = False
    _session: _native.Session | None = None
    #: Whether a session was there to be fetched.
    _stored = False

    def __init__(self, open: Callable[[], _native.Session]) -> None:
        self._open = open

    # -- what a session is besides a dict --------------------------------------------------------------

    @property
    def accessed(self) -> bool:
        """Whether the request looked at the session. Setting it is looking.

        Flask sets it before it hands the session out, so that what goes past the methods of a ``dict``, as
        some C code does, finds the values there.
        """
        return self._accessed

    @accessed.setter
    def accessed(self, accessed: bool) -> None:
        if accessed and not self._loaded:
            self._look()
        self._accessed = accessed

    @property
    def new(self) -> bool:
        """Whether nothing is stored yet for this visitor."""
        self._look()
        return not self._stored

    @property
    def sid(self) -> str | None:
        """A name for the session that stays the same when its id is renewed, and that opens nothing.

        The id itself is the visitor's secret and is nowhere to be had. ``None`` until the session was stored.
        """
        self._look()
        info = self._handle().info()
        return info["handle"] if info else None

    @property
    def subject(self) -> str | None:
        """Who is signed in, as another host or a stored sign-in says."""
        self._look()
        info = self._handle().info()
        return info["subject"] if info else None

    def regenerate(self) -> None:
        """Takes a new id when the response is sent, and keeps the values.

        What this request writes is not seen through the old id: to be called when somebody signs in.
        """
        self._look()
        self._handle().regenerate()

    def save(self) -> None:
        """Stores now what was changed so far: before a long stream, say."""
        self._look()
        self._ask(self._put)
        self._ask(self._handle().save)

    # -- fetching and settling -------------------------------------------------------------------------

    def _ask(self, act: Callable[..., _T], *arguments: Any) -> _T:
        """Every call that may wait for the store goes through here."""
        return act(*arguments)

    def _handle(self) -> _native.Session:
        if self._session is None:
            self._session = self._open()
        return self._session

    def _look(self) -> None:
        if self._loaded:
            return
        self._accessed = True
        if self._failure is not None:
            # Waited for once; whoever looks again learns the same.
            raise self._failure
        try:
            self._stored, persistent = self._ask(self._fetch)
        except Exception as failure:
            self._failure = failure
            raise
        self._loaded = True
        self._fetched(persistent)

    def _fetch(self) -> tuple[bool, bool]:
        return self._handle().load(self)

    def _fetched(self, persistent: bool) -> None:
        """For subclasses: the values have just come."""

    def _put(self) -> None:
        self._handle().put(self, self._beside)

    def settle(self, failed: bool) -> _native.Closing | None:
        """Stores what changed, and says what to tell the browser; ``None`` if nobody looked."""
        if not self._loaded:
            return None
        return self._handle().settle(self, self._beside, failed)

    # -- dict ------------------------------------------------------------------------------------------

    @overload  # type: ignore[override]
    def update(self, key: str, function: Callable[[Any], _T], /) -> _T: ...
    @overload
    def update(self, other: Mapping[str, Any] | Iterable[tuple[str, Any]] = ..., /, **more: Any) -> None: ...
    def update(self, /, *args: Any, **more: Any) -> Any:
        """``session.update("n", lambda n: (n or 0) + 1)`` computes a value from the stored one, stores it at
        once and answers it. If another request comes first, the function runs again on what that one
        stored, so no count is lost. It is given ``None`` where nothing is stored.

        With one mapping, or keywords, it is ``dict.update``.
        """
        if not self._loaded:
            self._look()
        if len(args) == 2 and callable(args[1]):
            key, function = args
            # What was set before goes along.
            self._ask(self._put)
            value = self._ask(self._handle().update, key, function)
            dict.__setitem__(self, key, value)
            return value
        self.modified = True
        return dict.update(self, *args, **more)

    def __getitem__(self, key: str) -> Any:
        if not self._loaded:
            self._look()
        return dict.__getitem__(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        if not self._loaded:
            self._look()
        self.modified = True
        dict.__setitem__(self, key, value)

    def __delitem__(self, key: str) -> None:
        if not self._loaded:
            self._look()
        dict.__delitem__(self, key)
        self.modified = True

    def __contains__(self, key: object) -> bool:
        if not self._loaded:
            self._look()
        return dict.__contains__(self, key)

    def __iter__(self) -> Iterator[str]:
        if not self._loaded:
            self._look()
        return dict.__iter__(self)

    def __reversed__(self) -> Iterator[str]:
        if not self._loaded:
            self._look()
        return dict.__reversed__(self)

    def __len__(self) -> int:
        if not self._loaded:
            self._look()
        return dict.__len__(self)

    def __eq__(self, other: object) -> bool:
        if not self._loaded:
            self._look()
        return dict.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        if not self._loaded:
            self._look()
        return dict.__ne__(self, other)

    def __or__(self, other: Any) -> dict[Any, Any]:
        return {**self, **other}

    def __ror__(self, other: Any) -> dict[Any, Any]:
        return {**other, **self}

    def __ior__(self, other: Any) -> SessionDict:  # type: ignore[override]
        self.update(other)
        return self

    def __repr__(self) -> str:
        # Not the values: a session that is logged by accident shows nobody's data.
        state = "not looked at" if not self._loaded else f"keys {sorted(map(str, dict.keys(self)))}"
        return f"<{type(self).__name__}: {state}>"

    def get(self, key: str, default: Any = None) -> Any:
        """As in ``dict``."""
        if not self._loaded:
            self._look()
        return dict.get(self, key, default)

    def keys(self) -> KeysView[str]:  # type: ignore[override]
        """As in ``dict``."""
        if not self._loaded:
            self._look()
        return dict.keys(self)

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        """As in ``dict``."""
        if not self._loaded:
            self._look()
        return dict.items(self)

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        """As in ``dict``."""
        if not self._loaded:
            self._look()
        return dict.values(self)

    def copy(self) -> dict[str, Any]:
        """As in ``dict``: the values without the session."""
        if not self._loaded:
            self._look()
        return dict(self)

    def pop(self, key: str, default: Any = _MISSING) -> Any:
        """As in ``dict``."""
        if not self._loaded:
            self._look()
        self.modified = self.modified or dict.__contains__(self, key)
        return dict.pop(self, key) if default is _MISSING else dict.pop(self, key, default)

    def popitem(self) -> tuple[str, Any]:
        """As in ``dict``."""
        if not self._loaded:
            self._look()
        item = dict.popitem(self)
        self.modified = True
        return item

    def setdefault(self, key: str, default: Any = None) -> Any:
        """As in ``dict``."""
        if not self._loaded:
            self._look()
        self.modified = self.modified or not dict.__contains__(self, key)
        return dict.setdefault(self, key, default)

    def clear(self) -> None:
        """As in ``dict``. A session that is empty when the response is sent has ended."""
        if not self._loaded:
            self._look()
        self.modified = True
        dict.clear(self)
