"""Repaired without abiding: Flask-Session as it is best set."""

import os
from datetime import timedelta

import redis
from flask import Flask, redirect, request, session
from flask_session import Session

app = Flask(__name__)
app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]
app.config["SESSION_TYPE"] = "redis"
app.config["SESSION_REDIS"] = redis.from_url(os.environ["REDIS_URL"])
app.config["SESSION_REFRESH_EACH_REQUEST"] = False
app.config["PERMANENT_SESSION_LIFETIME"] = timedelta(days=7)
app.config["SESSION_COOKIE_SECURE"] = True
app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
Session(app)


@app.post("/events")
def save():
    event = dict(request.form)
    event["saved"] = True
    session["event"] = event
    return redirect("/events")


@app.get("/logout")
def logout():
    session.pop("user_id", None)
    return redirect("/")
