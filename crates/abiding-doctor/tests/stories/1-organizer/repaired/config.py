import os
from datetime import timedelta


class Config:
    SECRET_KEY = os.environ["SECRET_KEY"]
    SESSION_COOKIE_SAMESITE = "Lax"
    SESSION_COOKIE_SECURE = True
    SESSION_ABIDING_URL = os.environ.get("SESSION_URL", "sqlite:sessions.db")
    SESSION_ABIDING_ABSOLUTE_LIFETIME = timedelta(days=30)
    PERMANENT_SESSION_LIFETIME = timedelta(days=7)


class DevelopmentConfig(Config):
    SESSION_COOKIE_SECURE = False
