"""Story four: the organizer without Flask-Session, on the cookie that Flask itself signs."""
