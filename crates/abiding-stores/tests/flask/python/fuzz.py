"""What Flask and Flask-Session make of values and of bytes: one case for each line of standard input.

A line is a verb and an argument in hexadecimal: a pickled value to be written, or bytes to be read. The answer
is `ok` and bytes in hexadecimal (what was written, or what was read, pickled), or `no` and the error.
"""

import pickle
import sys

import msgspec
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from flask_session.base import MsgSpecSerializer

app = Flask(__name__)
app.secret_key = "fuzz"
cookies = SecureCookieSessionInterface().get_signing_serializer(app)
serializers = {"msgpack": MsgSpecSerializer(app, format="msgpack"), "json": MsgSpecSerializer(app, format="json")}


def has_ext(value):
    if isinstance(value, dict):
        return any(has_ext(item) for pair in value.items() for item in pair)
    if isinstance(value, (list, tuple)):
        return any(has_ext(item) for item in value)
    return isinstance(value, msgspec.msgpack.Ext)


def write(format, value):
    if format == "cookie":
        return cookies.dumps(value).encode()
    return serializers[format].encode(value)


def read(format, data):
    if format == "cookie":
        return cookies.loads(data.decode(), max_age=86400)
    return serializers[format].decoder.decode(data)


def main():
    print("ready", flush=True)
    with app.app_context():
        for line in sys.stdin:
            answers = []
            for case in line.split(";"):
                verb, format, argument = case.split()
                data = bytes.fromhex(argument)
                try:
                    if verb == "write":
                        answers.append("ok " + write(format, pickle.loads(data)).hex())
                        continue
                    # The first byte is there so that no argument is empty.
                    found = read(format, data[1:])
                    if has_ext(found):
                        answers.append("ext 00")
                    else:
                        answers.append("ok " + pickle.dumps({"": found}, 4).hex())
                except Exception as error:
                    answers.append("no " + type(error).__name__)
            print(";".join(answers), flush=True)


main()
