"""Remove server-side sessions. All users will need to log in again."""

from alembic import op
from flask import current_app


def upgrade():
    op.drop_table("sessions")
