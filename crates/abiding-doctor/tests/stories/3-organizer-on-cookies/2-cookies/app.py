import os
from datetime import timedelta

from flask import Flask, redirect, request, session

app = Flask(__name__)
app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY") or "dev-secret-key-change-in-production"
app.config["PERMANENT_SESSION_LIFETIME"] = timedelta(days=7)


@app.post("/events")
def save():
    session["event"] = dict(request.form)
    session["event"]["saved"] = True
    return redirect("/events")


@app.get("/logout")
def logout():
    session.pop("user_id", None)
    return redirect("/")
