"""One side of the comparison as gunicorn loads it; see gunicorn.py."""

import os
import warnings

import sessions
from flask import Flask

warnings.simplefilter("ignore")


def of(name: str) -> Flask:
    if not name:
        bare = Flask("bare")
        bare.add_url_rule("/plain", "plain", lambda: "x")
        bare.add_url_rule("/fill", "fill", lambda: "x")
        return bare
    env = os.environ
    sessions.SECRET = env["BENCH_SECRET"]
    sides = sessions.sides_of(env["BENCH_REDIS"], env["BENCH_POSTGRES"], env["BENCH_FOLDER"])
    return sessions.application(sides[name][0])
