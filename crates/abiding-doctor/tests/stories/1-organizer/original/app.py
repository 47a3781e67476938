import os

from flask import Flask
from flask_session import Session

app = Flask(__name__)
app.config.from_object(f"config.{os.environ.get('CONFIG', 'ProductionConfig')}")
Session(app)
os.makedirs("flask_session", exist_ok=True)
