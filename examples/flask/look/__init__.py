"""What the five applications have in common: the frame of a page, its style, and a sign of life."""

from __future__ import annotations

from flask import Blueprint

look = Blueprint("look", __name__, template_folder="templates", static_folder="static", static_url_path="/look")


@look.get("/healthy")
def healthy() -> str:
    """For whoever starts the application: it answers, and asks no store for that."""
    return "yes"
