"""The name ``flask_session``, for applications whose import cannot be changed.

``import abiding.flask.shim`` before anything imports ``flask_session``: from then on
``from flask_session import Session`` is ours, in this process. Where Flask-Session itself is installed
nothing is put in its place, and the import says so.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import ModuleType

from abiding.errors import ConfigError
from abiding.flask import ServerSideSession, ServerSideSessionInterface, Session

__all__ = ["ServerSideSession", "ServerSideSessionInterface", "Session"]


def _register() -> None:
    present = sys.modules.get("flask_session")
    if getattr(present, "__abiding__", False):
        return
    if present is not None or find_spec("flask_session") is not None:
        raise ConfigError(
            "Flask-Session is installed, and is not hidden behind its back: uninstall it, or write"
            " `from abiding.flask import Session` where it is imported"
        )
    package = ModuleType("flask_session", __doc__)
    package.__path__ = []
    package.__dict__.update(__abiding__=True, Session=Session)
    sys.modules["flask_session"] = package
    # Where Flask-Session 0.7 and later has the classes, and where the older ones had them.
    for name in ("base", "sessions"):
        module = ModuleType(f"flask_session.{name}", __doc__)
        module.__dict__.update(
            ServerSideSession=ServerSideSession, ServerSideSessionInterface=ServerSideSessionInterface
        )
        sys.modules[module.__name__] = module
        setattr(package, name, module)


_register()
