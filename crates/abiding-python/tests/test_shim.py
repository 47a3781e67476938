"""The name `flask_session`: ours where nobody has it, and nobody's where somebody has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
sys.path = [path for path in sys.path if path]
if {hides}:
    # As if it were not installed.
    import importlib.util
    find = importlib.util.find_spec
    importlib.util.find_spec = lambda name, *more: None if name == "flask_session" else find(name, *more)
import abiding.flask.shim
import abiding.flask.shim as again
from flask import Flask
import flask_session
from flask_session import Session
from flask_session.base import ServerSideSession
from flask_session.sessions import ServerSideSessionInterface
import abiding.flask
assert Session is abiding.flask.Session, Session
app = Flask("app", instance_path={folder!r})
app.config.update(SECRET_KEY="x" * 32, SESSION_TYPE="filesystem", SESSION_FILE_DIR={folder!r})
Session(app)
with app.test_client().session_transaction() as session:
    assert isinstance(session, ServerSideSession)
"""


def run(folder: Path, hides: bool) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(hides=hides, folder=str(folder))
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_an_import_that_cannot_be_changed_gets_ours(tmp_path: Path) -> None:
    done = run(tmp_path, hides=True)
    assert done.returncode == 0, done.stderr


def test_flask_session_itself_is_never_hidden(tmp_path: Path) -> None:
    done = run(tmp_path, hides=False)
    assert done.returncode != 0 and "Flask-Session is installed" in done.stderr
