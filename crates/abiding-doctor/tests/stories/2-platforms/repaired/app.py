from abiding.flask import Session
from flask import Flask, redirect, request, session

app = Flask(__name__)
app.config.from_object("config.Config")
Session(app)


@app.post("/platforms")
def choose():
    session.setdefault("platforms", []).append(request.form["platform"])
    return redirect("/platforms")


@app.post("/logout")
def logout():
    session.clear()
    return redirect("/")
