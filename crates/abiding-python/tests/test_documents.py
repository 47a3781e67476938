"""The programs in the documents run as they stand there."""

from __future__ import annotations

import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("document", ["README.md", "docs/flask.md", "crates/abiding-python/README.md"])
def test_the_program_of_a_document_runs(document: str, tmp_path: Path) -> None:
    programs = re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), re.S)
    assert programs
    for program in programs:
        app = tmp_path / "app.py"
        app.write_text(
            program
            + """
with app.test_client() as client:
    if any(rule.rule == "/" for rule in app.url_map.iter_rules()):
        assert [client.get("/").text for _ in range(3)] == ["1", "2", "3"]
    else:
        with client.session_transaction() as session:
            session["a"] = 1
print("it ran")
"""
        )
        environ = {
            "FLASK_SECRET_KEY": secrets.token_hex(),
            "FLASK_SESSION_ABIDING_URL": "sqlite:sessions.db",
        }
        ran = subprocess.run(
            [sys.executable, str(app)], cwd=tmp_path, env=environ, capture_output=True, text=True
        )
        assert ran.stdout == "it ran\n", ran.stderr
