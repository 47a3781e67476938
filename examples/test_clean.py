"""The examples are typed, formatted and clean, as what people copy should be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
APPLICATIONS = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.glob("flask/*/*.py") if "tests" not in str(path))


@pytest.mark.parametrize(
    "command",
    [
        ["mypy", "run.py", "shared/python/shop.py", *APPLICATIONS],
        ["ruff", "format", "--check", "."],
        ["ruff", "check", "."],
    ],
)
def test_the_examples_are_clean(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
