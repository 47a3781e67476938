import os
import secrets

from flask import Flask
from flask_session import Session


def load_secret_key():
    path = "secret_key.txt"
    if os.environ.get("SECRET_KEY"):
        return os.environ["SECRET_KEY"]
    if os.path.exists(path):
        with open(path) as file:
            return file.read()
    key = secrets.token_hex(32)
    with open(path, "w") as file:
        file.write(key)
    return key


app = Flask(__name__)
app.config["SECRET_KEY"] = load_secret_key()
# Flask's own cookies in production, files on a laptop.
app.config["SESSION_TYPE"] = "null" if os.environ.get("K_SERVICE") else "filesystem"
Session(app)
