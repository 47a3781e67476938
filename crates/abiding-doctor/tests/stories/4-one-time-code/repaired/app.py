import os
from datetime import datetime, timedelta, timezone

from abiding.flask import Session
from flask import Flask, redirect, request, session

app = Flask(__name__)
app.config.update(
    SECRET_KEY=os.environ["SECRET_KEY"],
    SESSION_ABIDING_URL=os.environ["SESSION_URL"],
    SESSION_ABIDING_ABSOLUTE_LIFETIME=timedelta(hours=12),
    PERMANENT_SESSION_LIFETIME=timedelta(minutes=15),
    SESSION_COOKIE_SECURE=True,
    SESSION_COOKIE_SAMESITE="Lax",
)
Session(app)


@app.post("/otp")
def send():
    session["otp_email"] = request.form["email"]
    session["sent"] = datetime.now(timezone.utc).isoformat()
    return redirect("/otp")


@app.post("/otp/verify")
def verify():
    session.update("attempts", lambda attempts: (attempts or 0) + 1)
    return redirect("/")


@app.get("/logout")
def logout():
    session.clear()
    return redirect("/")
