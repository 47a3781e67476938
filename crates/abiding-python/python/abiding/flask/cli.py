"""``flask abiding …``: what an operator does with the sessions of an application."""

from __future__ import annotations

from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from abiding.errors import AbidingError
from abiding.flask.doctor import examine
from abiding.flask.server import ServerSideSessionInterface
from abiding.sessions import Sessions


@click.group()
def abiding() -> None:
    """Looks after the sessions of this application."""


def _sessions() -> Sessions:
    interface = current_app.session_interface
    if not isinstance(interface, ServerSideSessionInterface):
        raise click.ClickException(
            "the sessions of this application lie in its visitors' cookies: there is no store to look after"
        )
    return interface.sessions


@abiding.command()
@with_appcontext
def sweep() -> None:
    """Remove the sessions that ended by themselves."""
    click.echo(_done(lambda: _sessions().sweep()))


@abiding.command()
@with_appcontext
def count() -> None:
    """Say how many sessions live."""
    click.echo(_done(lambda: _sessions().count()))


@abiding.command()
@click.argument("subject")
@click.option("--handle", help="One session alone: its session.sid.")
@with_appcontext
def revoke(subject: str, handle: str | None) -> None:
    """End the sessions of SUBJECT, the value that session.login or Flask-Login was given."""
    if handle is None:
        click.echo(_done(lambda: _sessions().end_subject(subject)))
    else:
        click.echo(_done(lambda: int(_sessions().revoke(subject, handle))))


@abiding.command()
@click.option("--json", "form", flag_value="json", help="Answer in JSON.")
@click.option("--sarif", "form", flag_value="sarif", help="Answer as a SARIF 2.1.0 log.")
@click.option(
    "--silences",
    type=click.Path(exists=True, dir_okay=False),
    help="The list of silences, in place of abiding-doctor.toml in this folder.",
)
@click.pass_context
@with_appcontext
def doctor(context: click.Context, form: str | None, silences: str | None) -> None:
    """Say what is wrong with the configuration in effect.

    Ends with 0 if there is nothing worse than a note, with 1 for warnings and with 7 for errors.
    """
    listed = Path(silences or "abiding-doctor.toml")
    text = listed.read_text() if listed.is_file() else None
    try:
        report, code = examine(current_app, form or "text", text)
    except AbidingError as error:
        raise click.ClickException(str(error)) from error
    click.echo(report, nl=False)
    context.exit(code)


def _done(act: object) -> int:
    assert callable(act)
    try:
        return int(act())
    except AbidingError as error:
        raise click.ClickException(str(error)) from error
