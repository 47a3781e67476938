import os
from datetime import timedelta

from abiding.flask import Session
from flask import Flask, redirect, request, session
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
db = SQLAlchemy(app)

app.config.update(
    SESSION_ABIDING_URL=os.environ["SESSION_URL"],
    SESSION_ABIDING_ABSOLUTE_LIFETIME=timedelta(days=30),
    PERMANENT_SESSION_LIFETIME=timedelta(days=1),
    SESSION_COOKIE_SECURE=True,
    SESSION_COOKIE_SAMESITE="Lax",
)
Session(app)


@app.post("/membership/step/<int:step>")
def step(step):
    session[f"step{step}"] = request.form.to_dict()
    return redirect(f"/membership/step/{step + 1}")
