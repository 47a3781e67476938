from flask import Flask, redirect, request, session

app = Flask(__name__)
app.config.from_object("config.Config")


@app.post("/platforms")
def choose():
    session["platforms"].append(request.form["platform"])
    return redirect("/platforms")


@app.post("/logout")
def logout():
    session.clear()
    return redirect("/")
