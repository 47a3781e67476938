import os
import uuid
from datetime import datetime, timedelta

from flask import Flask, jsonify, redirect, request, session

from secret import load_secret_key

app = Flask(__name__)
app.config["SECRET_KEY"] = load_secret_key()
app.config["SESSION_TYPE"] = "null"
app.config["SESSION_PERMANENT"] = True
app.config["SESSION_USE_SIGNER"] = True
app.config["SESSION_KEY_PREFIX"] = "otp:"
app.config["SESSION_COOKIE_SECURE"] = os.environ.get("FLASK_ENV") == "production"
app.config["SESSION_COOKIE_DOMAIN"] = None  # Allow all domains
app.config["SESSION_COOKIE_MAX_AGE"] = 3600


@app.before_request
def keep_session():
    session.permanent = True
    session.modified = True
    if "session_id" not in session:
        session["session_id"] = str(uuid.uuid4())
        session["session_created"] = datetime.now().isoformat()


@app.post("/otp")
def send():
    session["otp_email"] = request.form["email"]
    session["attempts"] = {"count": 0}
    return redirect("/otp")


@app.post("/otp/verify")
def verify():
    session["attempts"]["count"] += 1
    return redirect("/")


@app.get("/debug/session")
def debug():
    return jsonify(dict(session))


@app.get("/logout")
def logout():
    session.clear()
    return redirect("/")
