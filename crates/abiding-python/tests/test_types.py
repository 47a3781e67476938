"""The package is typed, and the stubs say what the native half has."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import abiding

FOLDER = Path(__file__).parents[1]


def run(*command: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_is_typed() -> None:
    assert files(abiding).joinpath("py.typed").is_file()
    run("mypy", "--strict", "-p", "abiding")


def test_the_stubs_are_what_the_native_half_is() -> None:
    run("mypy.stubtest", "abiding._native")


def test_the_python_is_formatted_and_clean() -> None:
    run("ruff", "format", "--check", ".")
    run("ruff", "check", ".")
