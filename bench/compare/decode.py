"""Reads Flask's cookies from the standard input, one a line, as Flask itself does: what `abiding cookie decode` stands beside."""

import hashlib
import json
import sys

from flask.sessions import session_json_serializer
from itsdangerous import URLSafeTimedSerializer

serializer = URLSafeTimedSerializer(
    open(sys.argv[1]).read(),
    salt="cookie-session",
    serializer=session_json_serializer,
    signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha1},
)
for number, line in enumerate(sys.stdin, 1):
    session, signed = serializer.loads(line.strip(), return_timestamp=True)
    print(json.dumps({"line": number, "signed": signed.isoformat(), "session": session}))
