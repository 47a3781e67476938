"""``flask abiding doctor``: the configuration in effect, judged without printing its secrets."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest
import redis
from flask import Flask

from abiding.errors import ConfigError
from abiding.flask import Session
from abiding.flask.doctor import examine


def rules(app: Flask) -> set[str]:
    text, _ = examine(app, "json")
    return {finding["rule"] for finding in json.loads(text)["findings"]}


def sound(tmp_path: Path) -> Flask:
    app = Flask("app")
    app.config.update(
        SECRET_KEY=secrets.token_bytes(32),
        SESSION_ABIDING_URL=f"sqlite://{tmp_path / 's.db'}",
        SESSION_ABIDING_ABSOLUTE_LIFETIME=86_400,
        PERMANENT_SESSION_LIFETIME=3_600,
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    Session(app)
    return app


def test_nothing_is_found_in_an_application_that_is_as_it_should_be(tmp_path: Path) -> None:
    text, code = examine(sound(tmp_path))
    assert code == 0, text
    assert "AAL2     1 h            1 d            kept" in text


def test_what_flask_does_by_itself_is_judged() -> None:
    app = Flask("app")
    app.config.update(SECRET_KEY="canary-2024", SESSION_TYPE="redis", SESSION_COOKIE_MAX_AGE=60)
    assert {"CK-3", "D05", "D06", "D11", "D22", "DR-1", "LC-5"} <= rules(app)
    for form in ("text", "json", "sarif"):
        text, code = examine(app, form)
        assert "canary" not in text
        assert code == 7


def test_a_client_of_redis_is_asked_how_it_answers() -> None:
    flask_session = pytest.importorskip("flask_session")
    app = Flask("app")
    client = redis.Redis(decode_responses=True)
    app.config.update(SECRET_KEY=secrets.token_hex(), SESSION_TYPE="redis", SESSION_REDIS=client)
    flask_session.Session(app)
    assert {"D35", "D39"} <= rules(app)


def test_the_command_reads_the_silences_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = sound(tmp_path)
    app.config["SESSION_COOKIE_SECURE"] = False
    run = app.test_cli_runner().invoke
    answer = run(args=["abiding", "doctor"])
    assert answer.exit_code == 1 and "D11" in answer.output
    silences = tmp_path / "abiding-doctor.toml"
    silences.write_text('[[silence]]\nrule = "D11"\nreason = "a proxy adds it"\n')
    answer = run(args=["abiding", "doctor", "--json"])
    assert answer.exit_code == 0
    assert json.loads(answer.output)["silenced"][0]["reason"] == "a proxy adds it"
    silences.write_text('[[silence]]\nrule = "D11"\n')
    answer = run(args=["abiding", "doctor"])
    assert answer.exit_code == 1 and "no reason" in answer.output


def test_a_silence_without_a_reason_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no reason"):
        examine(sound(tmp_path), silences='[[silence]]\nrule = "D11"\n')
