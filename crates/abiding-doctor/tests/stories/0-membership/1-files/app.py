import os

from flask import Flask, redirect, request, session
from flask_session import Session

app = Flask(__name__)
app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY", "membership-secret-key")
app.config["SESSION_TYPE"] = "filesystem"
app.config["SESSION_FILE_DIR"] = os.path.join(app.instance_path, "sessions")
Session(app)


@app.post("/membership/step/<int:step>")
def step(step):
    if "form_data" not in session:
        session["form_data"] = {}
    session["form_data"][f"step{step}"] = request.form.to_dict()
    return redirect(f"/membership/step/{step + 1}")
