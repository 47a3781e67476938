import os
from datetime import timedelta


class Config:
    SECRET_KEY = os.environ.get("SECRET_KEY")
    SESSION_COOKIE_SAMESITE = "Lax"
    SESSION_USE_SIGNER = True  # sessions are signed
    SESSION_KEY_PREFIX = "organizer:"
    PERMANENT_SESSION_LIFETIME = timedelta(days=7)


class DevelopmentConfig(Config):
    # Automatic cleanup of expired sessions
    SESSION_TYPE = "filesystem"
    SESSION_FILE_DIR = "flask_session/"
    SESSION_COOKIE_SECURE = False


class ProductionConfig(Config):
    SESSION_TYPE = "redis"
    # Secure Redis connection
    SESSION_REDIS = os.environ.get("REDIS_URL")
    SESSION_COOKIE_SECURE = True
