"""The pages of the organizer: signing in, and an event that is planned over days, in the session."""

from __future__ import annotations

from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from werkzeug.wrappers import Response

from flask import Blueprint, Flask, flash, redirect, render_template, request, session, url_for

pages = Blueprint("organizer", __name__, template_folder="templates")
login_manager = LoginManager()
login_manager.login_view = "organizer.sign_in"

#: What is asked about an event. Each answer is a key of its own in the session.
DETAILS = {"title": "What is it called?", "place": "Where is it?", "day": "On which day?"}


class Organizer(UserMixin):  # type: ignore[misc]
    """Somebody who gave a name. This example asks for no password."""

    def __init__(self, name: str) -> None:
        self.id = name


@login_manager.user_loader  # type: ignore[untyped-decorator]
def organizer(name: str) -> Organizer:
    return Organizer(name)


def register(app: Flask) -> None:
    login_manager.init_app(app)
    app.register_blueprint(pages)


@pages.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> str | Response:
    if request.method == "GET":
        return render_template("organizer/sign_in.html")
    session.permanent = True
    login_user(Organizer(request.form["name"]))
    return redirect(url_for("organizer.event"))


@pages.post("/sign-out")
def sign_out() -> Response:
    logout_user()
    for key in [*DETAILS, "guests"]:
        session.pop(key, None)
    flash("See you soon")
    return redirect(url_for("organizer.sign_in"))


@pages.get("/")
@login_required  # type: ignore[untyped-decorator]
def event() -> str:
    return render_template("organizer/event.html", details=DETAILS, name=current_user.id)


@pages.post("/details")
@login_required  # type: ignore[untyped-decorator]
def details() -> Response:
    for name in DETAILS:
        if name in request.form:
            session[name] = request.form[name]
    return redirect(url_for("organizer.event"))


@pages.post("/guests")
@login_required  # type: ignore[untyped-decorator]
def guests() -> Response:
    # A change within a value: no session.modified is needed.
    session.setdefault("guests", []).append(request.form["guest"])
    return redirect(url_for("organizer.event"))
