"""The shop with the original libraries: Flask-Session, or Flask's own cookie."""

import os

from flask_session import Session

from shop import create_app

app = create_app(None if os.environ["SESSIONS"] == "cookie" else Session)
