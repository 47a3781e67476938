"""A session as a dict: fetched when it is first looked at, stored when it changed.

What a request changed is found by comparing each value with the one that was fetched, so a nested change
counts and writing an equal value does not; each key is stored by itself, so that two requests which change
different keys both keep what they did.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, TypeVar, overload

from abiding import _native
from abiding.info import Info

_T = TypeVar("_T")
_MISSING: Any = object()


class SessionDict(dict[str, Any]):
    """The session of one request. To be settled once, when the response is ready."""

    #: Whether a key was set or removed. Setting it by hand is not needed, and does no harm.
    modified: bool = False

    def __init__(self, open: Callable[[], _native.Session]) -> None:
        super().__init__()
        self._open = open
        self._native: _native.Session | None = None
        self._info: Info | None = None
        self._failure: Exception | None = None
        self._accessed = False
        #: The values as they were fetched.
        self._base: dict[str, Any] | None = None

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
        if accessed:
            self._look()
        self._accessed = accessed

    @property
    def new(self) -> bool:
        """Whether nothing is stored yet for this visitor."""
        self._look()
        return self._info is None

    @property
    def sid(self) -> str | None:
        """A name for the session that stays the same when its id is renewed, and that opens nothing.

        The id itself is the visitor's secret and is nowhere to be had. ``None`` until the session was stored.
        """
        self._look()
        return self._info["handle"] if self._info else None

    @property
    def subject(self) -> str | None:
        """Who is signed in, as another host or a stored sign-in says."""
        self._look()
        return self._info["subject"] if self._info else None

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

    def _ask(self, act: Callable[[], _T]) -> _T:
        """Every call that may wait for the store goes through here."""
        return act()

    def _handle(self) -> _native.Session:
        if self._native is None:
            self._native = self._open()
        return self._native

    def _look(self) -> None:
        if self._base is None:
            self._accessed = True
            if self._failure is not None:
                # Waited for once; whoever looks again learns the same.
                raise self._failure
            try:
                values, info = self._ask(lambda: self._handle().load())
            except Exception as failure:
                self._failure = failure
                raise
            self._base, self._info = values, info
            super().update(values)
            self._fetched()

    def _fetched(self) -> None:
        """For subclasses: the values have just come."""

    def _values(self) -> dict[str, Any]:
        """The values to be stored."""
        return self

    def _put(self) -> None:
        values = self._values()
        self._handle().put(self._base or {}, values)
        self._base = dict.copy(values)

    def settle(self, failed: bool) -> _native.Closing | None:
        """Stores what changed, and says what to tell the browser; ``None`` if nobody looked."""
        if self._base is None:
            return None
        self._put()
        return self._handle().close(failed)

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
        self._look()
        if len(args) == 2 and callable(args[1]):
            key, function = args
            # What was set before goes along.
            self._ask(self._put)
            value = self._ask(lambda: self._handle().update(key, function))
            super().__setitem__(key, value)
            assert self._base is not None
            self._base[key] = value
            return value
        self.modified = True
        return super().update(*args, **more)

    def __getitem__(self, key: str) -> Any:
        self._look()
        return super().__getitem__(key)

    def __setitem__(self, key: str, value: Any) -> None:
        self._look()
        self.modified = True
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self._look()
        super().__delitem__(key)
        self.modified = True

    def __contains__(self, key: object) -> bool:
        self._look()
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        self._look()
        return super().__iter__()

    def __reversed__(self) -> Iterator[str]:
        self._look()
        return super().__reversed__()

    def __len__(self) -> int:
        self._look()
        return super().__len__()

    def __eq__(self, other: object) -> bool:
        self._look()
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        self._look()
        return super().__ne__(other)

    def __or__(self, other: Any) -> dict[Any, Any]:
        return {**self, **other}

    def __ror__(self, other: Any) -> dict[Any, Any]:
        return {**other, **self}

    def __ior__(self, other: Any) -> SessionDict:  # type: ignore[override]
        self.update(other)
        return self

    def __repr__(self) -> str:
        # Not the values: a session that is logged by accident shows nobody's data.
        state = "not looked at" if self._base is None else f"keys {sorted(map(str, super().keys()))}"
        return f"<{type(self).__name__}: {state}>"

    def get(self, key: str, default: Any = None) -> Any:
        """As in ``dict``."""
        self._look()
        return super().get(key, default)

    def keys(self) -> KeysView[str]:  # type: ignore[override]
        """As in ``dict``."""
        self._look()
        return super().keys()

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        """As in ``dict``."""
        self._look()
        return super().items()

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        """As in ``dict``."""
        self._look()
        return super().values()

    def copy(self) -> dict[str, Any]:
        """As in ``dict``: the values without the session."""
        self._look()
        return dict(self)

    def pop(self, key: str, default: Any = _MISSING) -> Any:
        """As in ``dict``."""
        self._look()
        self.modified = self.modified or super().__contains__(key)
        return super().pop(key) if default is _MISSING else super().pop(key, default)

    def popitem(self) -> tuple[str, Any]:
        """As in ``dict``."""
        self._look()
        item = super().popitem()
        self.modified = True
        return item

    def setdefault(self, key: str, default: Any = None) -> Any:
        """As in ``dict``."""
        self._look()
        self.modified = self.modified or not super().__contains__(key)
        return super().setdefault(key, default)

    def clear(self) -> None:
        """As in ``dict``. A session that is empty when the response is sent has ended."""
        self._look()
        self.modified = True
        super().clear()
