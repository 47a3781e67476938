"""What is wrong with an application's configuration of sessions, as it is in effect."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from abiding import _native

if TYPE_CHECKING:
    from flask import Flask

_SETTINGS = ("SECRET_KEY", "PERMANENT_SESSION_LIFETIME", "MAX_COOKIE_SIZE", "SQLALCHEMY_DATABASE_URI")
_PACKAGES = ("Flask", "Flask-Session", "Werkzeug", "cachelib", "redis")


def examine(app: Flask, form: str = "text", silences: str | None = None) -> tuple[str, int]:
    """The report on ``app`` as ``text``, ``json`` or ``sarif``, and the exit code that goes with it.

    ``silences`` is the text of an ``abiding-doctor.toml``. No secret is in the report.
    """
    interface = type(app.session_interface)
    described = {
        "settings": {name: _spelled(value) for name, value in app.config.items() if _matters(name)},
        "interface": f"{interface.__module__}.{interface.__qualname__}",
        "packages": {name: found for name in _PACKAGES if (found := _version(name)) is not None},
        "development": bool(app.debug or app.testing),
    }
    return _native.examine_application(json.dumps(described), form=form, silences=silences)


def _matters(name: str) -> bool:
    return name.startswith(("SESSION_", "SECRET_KEY")) or name in _SETTINGS


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _spelled(value: Any) -> Any:
    """The value in JSON, as ``abiding-doctor`` reads it."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, timedelta):
        return {"seconds": value.total_seconds()}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": list(value)}
    if isinstance(value, (list, tuple)):
        return [_spelled(item) for item in value]
    return _described(value)


def _described(value: object) -> dict[str, Any]:
    """Its class, and what of it makes a difference to sessions."""
    kind = type(value)
    described: dict[str, Any] = {"type": f"{kind.__module__}.{kind.__qualname__}"}
    pool = getattr(value, "connection_pool", None)
    if pool is not None:
        options = getattr(pool, "connection_kwargs", {})
        described["decode_responses"] = bool(options.get("decode_responses", False))
    threshold = getattr(value, "_threshold", None)
    if isinstance(threshold, int):
        described["threshold"] = threshold
    return described
