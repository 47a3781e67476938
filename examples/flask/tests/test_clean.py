"""The examples are typed, formatted and clean, as what people copy should be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1]
APPLICATIONS = sorted(path.parent.name for path in FOLDER.glob("*/app.py"))


@pytest.mark.parametrize(
    "command", [["mypy", "run.py", "look", *APPLICATIONS], ["ruff", "format", "--check", "."], ["ruff", "check", "."]]
)
def test_the_examples_are_clean(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
