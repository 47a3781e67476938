//! Each rule has a fixture that breaks it and one that does not. Long because it is one table with a row for each of
//! them, in their order.

use std::collections::BTreeSet;

use crate::{
    Facts, RULES, Silences, examine,
    facts::{Answer, StoreSays},
    published::PUBLISHED,
    rule::Source,
    tree::tests::{facts_of, facts_since},
};

/// Facts in the fewest words.
enum Fixture {
    /// Settings of an application with this interface, as members of a JSON object.
    Application(&'static str, &'static str),
    /// `Set-Cookie` or whole headers that an https URL answered.
    Answer(&'static [&'static str]),
    Store(fn(&mut StoreSays)),
    Tree(&'static [(&'static str, &'static str)]),
    /// Files of earlier commits, and those that are there.
    Since(
        &'static [(&'static str, &'static str)],
        &'static [(&'static str, &'static str)],
    ),
    /// One file, `app.py`, behind the imports of Flask alone, Flask-Session, or abiding.
    Flask(&'static str),
    FlaskSession(&'static str),
    Abiding(&'static str),
    /// One file of Rust.
    Rust(&'static str),
    /// `app.py` with Flask-Session, and its release.
    Pinned(&'static str, &'static str),
}
use Fixture::*;

struct Case {
    rule: &'static str,
    broken: &'static [Fixture],
    sound: &'static [Fixture],
}

const SIGNED: &str =
    "session=e30.aYAOgA.KCW6GhmsgvkWOxJ3HJCvbl-bnLw; Secure; HttpOnly; SameSite=Lax; Path=/";
const SOUND: &str = "__Host-session=8wYpJmN0; Secure; HttpOnly; SameSite=Lax; Path=/";

const CASES: &[Case] = &[
    Case {
        rule: "D01",
        broken: &[
            FlaskSession("app.config['SESSION_REDIS'] = 'redis://localhost'"),
            FlaskSession("app.config['SESSION_REDIS'] = os.environ.get('REDIS_URL')"),
            FlaskSession(
                "app.config['SESSION_REDIS'] = redis.from_url(os.environ.get('REDIS_URL'))",
            ),
            Application(
                "flask_session.redis.RedisSessionInterface",
                r#""SESSION_REDIS": "redis://x""#,
            ),
        ],
        sound: &[
            FlaskSession("app.config['SESSION_REDIS'] = redis.from_url(os.environ['REDIS_URL'])"),
            FlaskSession(
                "app.config['SESSION_REDIS'] = redis.from_url(os.environ.get('REDIS_URL', 'redis://localhost'))",
            ),
            Abiding("app.config['SESSION_REDIS'] = 'redis://localhost'"),
            Application(
                "flask_session.redis.RedisSessionInterface",
                r#""SESSION_REDIS": {"type": "redis.client.Redis"}"#,
            ),
        ],
    },
    Case {
        rule: "D02",
        broken: &[Pinned("flask-session==0.5.0", "SESSION_USE_SIGNER = True")],
        sound: &[
            Pinned(
                "flask-session==0.5.0\nwerkzeug<3",
                "SESSION_USE_SIGNER = True",
            ),
            Pinned("flask-session==0.6.0", "SESSION_USE_SIGNER = True"),
            Pinned("flask-session==0.5.0", "SESSION_USE_SIGNER = False"),
        ],
    },
    Case {
        rule: "D03",
        broken: &[Flask("# Flask-Session is incompatible with Werkzeug 3")],
        sound: &[Flask("# Flask-Session 0.8 is compatible with Werkzeug 3")],
    },
    Case {
        rule: "D04",
        broken: &[
            FlaskSession("app.config['SESSION_TYPE'] = 'null'"),
            FlaskSession("app.config['SESSION_TYPE'] = 'rediss'"),
        ],
        sound: &[
            FlaskSession("app.config['SESSION_TYPE'] = 'redis'"),
            Flask("app.config['SESSION_TYPE'] = 'null'"),
        ],
    },
    Case {
        rule: "D05",
        broken: &[
            Flask("app.config['SESSION_PERMANENT'] = True"),
            Application(
                "flask.sessions.SecureCookieSessionInterface",
                r#""SESSION_TYPE": "redis""#,
            ),
        ],
        sound: &[
            FlaskSession("app.config['SESSION_PERMANENT'] = True"),
            Flask("app.config['SESSION_COOKIE_NAME'] = 's'"),
        ],
    },
    Case {
        rule: "D06",
        broken: &[
            Flask("app.config['SESSION_COOKIE_MAX_AGE'] = 3600"),
            Flask("app.config['SESSION_COOKIE_SECUR'] = True"),
            Flask("app.config['SESSION_TYP'] = 'x'"),
        ],
        sound: &[
            Flask("app.config['SESSION_COOKIE_SECURE'] = True"),
            Flask("app.config['SESSION_OF_PARLIAMENT'] = 7"),
        ],
    },
    Case {
        rule: "D07",
        broken: &[FlaskSession("app.config['SESSION_KEY_LENGTH'] = 64")],
        sound: &[FlaskSession("app.config['SESSION_ID_LENGTH'] = 64")],
    },
    Case {
        rule: "D08",
        broken: &[Flask(
            "def secret_key():\n    key = secrets.token_hex(32)\n    with open('secret_key.txt', 'w') as file:\n        file.write(key)\n    return key",
        )],
        sound: &[
            Flask(
                "def secret_key():\n    with open('/run/secrets/key') as file:\n        return file.read()",
            ),
            Flask(
                "def secret_key():\n    with open('/var/lib/app/secret', 'w') as file:\n        file.write(secrets.token_hex(32))",
            ),
        ],
    },
    Case {
        rule: "D09",
        broken: &[
            Flask(
                "SECRET_KEY = os.environ.get('SECRET_KEY', 'dev-secret-key-change-in-production')",
            ),
            Flask("SECRET_KEY = os.environ.get('SECRET_KEY') or 'dev'"),
            Flask("SQLALCHEMY_DATABASE_URI = 'postgresql://shop:hunter2@localhost/shop'"),
        ],
        sound: &[
            Flask("SECRET_KEY = os.environ['SECRET_KEY']"),
            Flask("class TestingConfig:\n    SECRET_KEY = 'test'"),
            Flask("SQLALCHEMY_DATABASE_URI = 'sqlite:///site.db'"),
        ],
    },
    Case {
        rule: "D10",
        broken: &[Flask(
            "SESSION_COOKIE_SECURE = os.environ.get('FLASK_ENV') == 'production'",
        )],
        sound: &[Flask("SESSION_COOKIE_SECURE = True")],
    },
    Case {
        rule: "D11",
        broken: &[
            Flask("pass"),
            Flask("SESSION_COOKIE_SECURE = False"),
            Application(
                "flask.sessions.SecureCookieSessionInterface",
                r#""SESSION_COOKIE_SECURE": false"#,
            ),
        ],
        sound: &[
            Flask("SESSION_COOKIE_SECURE = True"),
            Flask(
                "SESSION_COOKIE_SECURE = True\nclass DevelopmentConfig:\n    SESSION_COOKIE_SECURE = False",
            ),
            Tree(&[("a.py", "import requests\n")]),
        ],
    },
    Case {
        rule: "D12",
        broken: &[
            Flask("SESSION_COOKIE_DOMAIN = None  # Allow all domains"),
            Flask("# for all domains\nSESSION_COOKIE_DOMAIN = None"),
        ],
        sound: &[
            Flask("SESSION_COOKIE_DOMAIN = None"),
            Flask("SESSION_COOKIE_DOMAIN = 'example.org'  # all domains below"),
        ],
    },
    Case {
        rule: "D13",
        broken: &[
            FlaskSession("app.config['SESSION_TYPE'] = 'filesystem'"),
            FlaskSession(
                "app.config.update(SESSION_TYPE='cachelib', SESSION_CACHELIB=FileSystemCache('s'))",
            ),
            Application(
                "flask_session.filesystem.FileSystemSessionInterface",
                r#""SESSION_TYPE": "filesystem", "SESSION_FILE_THRESHOLD": 1000"#,
            ),
        ],
        sound: &[
            FlaskSession("app.config.update(SESSION_TYPE='filesystem', SESSION_FILE_THRESHOLD=0)"),
            FlaskSession(
                "app.config.update(SESSION_TYPE='cachelib', SESSION_CACHELIB=FileSystemCache('s', threshold=0))",
            ),
            FlaskSession("app.config['SESSION_TYPE'] = 'redis'"),
            Abiding("app.config['SESSION_TYPE'] = 'filesystem'"),
        ],
    },
    Case {
        rule: "D14",
        broken: &[
            FlaskSession("SESSION_TYPE = 'filesystem'"),
            Tree(&[
                ("requirements.txt", "Flask-Session==0.8.0\ncachelib>=0.10\n"),
                (
                    "app.py",
                    "from flask_session import Session\nSESSION_TYPE = 'filesystem'\n",
                ),
            ]),
        ],
        sound: &[
            Tree(&[
                (
                    "requirements.txt",
                    "Flask-Session==0.8.0\ncachelib==0.17.0\n",
                ),
                (
                    "app.py",
                    "from flask_session import Session\nSESSION_TYPE = 'filesystem'\n",
                ),
            ]),
            FlaskSession("SESSION_TYPE = 'redis'"),
        ],
    },
    Case {
        rule: "D15",
        broken: &[
            FlaskSession("SESSION_TYPE = 'sqlalchemy'"),
            FlaskSession("SESSION_TYPE = 'filesystem'  # automatic cleanup of expired sessions"),
        ],
        sound: &[
            FlaskSession("SESSION_TYPE = 'sqlalchemy'\nSESSION_CLEANUP_N_REQUESTS = 100"),
            FlaskSession("SESSION_TYPE = 'redis'"),
        ],
    },
    Case {
        rule: "D16",
        broken: &[FlaskSession(
            "SESSION_TYPE = 'filesystem'\nSESSION_FILE_DIR = './flask_session/'",
        )],
        sound: &[
            FlaskSession("SESSION_TYPE = 'filesystem'\nSESSION_FILE_DIR = '/var/lib/app/sessions'"),
            FlaskSession(
                "SESSION_TYPE = 'filesystem'\nSESSION_FILE_DIR = os.path.join(app.instance_path, 'sessions')",
            ),
        ],
    },
    Case {
        rule: "D17",
        broken: &[FlaskSession(
            "app.config.update(SESSION_TYPE='sqlalchemy', SESSION_SQLALCHEMY=db)",
        )],
        sound: &[
            Abiding("app.config.update(SESSION_TYPE='sqlalchemy', SESSION_SQLALCHEMY=db)"),
            FlaskSession("app.config['SESSION_TYPE'] = 'redis'"),
        ],
    },
    Case {
        rule: "D18",
        broken: &[
            Tree(&[(
                "schema.sql",
                "CREATE TABLE sessions (\n  id SERIAL PRIMARY KEY,\n  session_id VARCHAR(255) NOT NULL,\n  data BYTEA, expiry TIMESTAMP\n);\n",
            )]),
            Store(|store| store.expiry_indexed = Some(false)),
        ],
        sound: &[
            Tree(&[(
                "schema.sql",
                "CREATE TABLE sessions (session_id VARCHAR(255), data BYTEA, expiry TIMESTAMP);\nCREATE INDEX ON sessions (expiry);\n",
            )]),
            Store(|store| store.expiry_indexed = Some(true)),
        ],
    },
    Case {
        rule: "D19",
        broken: &[Flask("# session files are lost on restart")],
        sound: &[Flask("# session files survive a restart")],
    },
    Case {
        rule: "D20",
        broken: &[
            FlaskSession("def step():\n    session['form']['name'] = 'x'"),
            FlaskSession("def step():\n    form = session.get('form', {})\n    form['name'] = 'x'"),
            FlaskSession("def step():\n    session['items'].append(1)"),
        ],
        sound: &[
            FlaskSession("def step():\n    session['form_name'] = 'x'"),
            FlaskSession(
                "def step():\n    form = session.get('form', {})\n    form['name'] = 'x'\n    session['form'] = form",
            ),
            FlaskSession(
                "def step():\n    session['form']['name'] = 'x'\n    session.modified = True",
            ),
            Abiding("def step():\n    session['form']['name'] = 'x'"),
        ],
    },
    Case {
        rule: "D21",
        broken: &[Flask("def step():\n    session['form'].update(a=1)")],
        sound: &[
            Flask("def step():\n    session['form'] = {'a': 1}"),
            Abiding("def step():\n    session['form'].update(a=1)"),
            Tree(&[(
                "a.py",
                "import flask\nsession = requests.Session()\nsession['a']['b'] = 1\n",
            )]),
        ],
    },
    Case {
        rule: "D22",
        broken: &[
            Flask("def out():\n    session.clear()"),
            Flask("def out():\n    session.pop('user_id', None)"),
            Application("flask.sessions.SecureCookieSessionInterface", ""),
        ],
        sound: &[
            FlaskSession("SESSION_TYPE = 'redis'\ndef out():\n    session.clear()"),
            Application(
                "abiding.flask.server.ServerSideSessionInterface",
                r#""SESSION_ABIDING_URL": "redis://localhost""#,
            ),
        ],
    },
    Case {
        rule: "D23",
        broken: &[
            Flask("def send():\n    session['otp_email'] = email"),
            Flask("def send():\n    session['otp'] = code"),
        ],
        sound: &[
            Flask("def send():\n    session['theme'] = 'dark'\n    session['csrf_token'] = t"),
            FlaskSession("SESSION_TYPE = 'redis'\ndef send():\n    session['otp'] = code"),
        ],
    },
    Case {
        rule: "D24",
        broken: &[
            Flask("@app.route('/debug/session')\ndef debug():\n    return jsonify(dict(session))"),
            Flask("def f():\n    session['session_id'] = str(uuid4())"),
        ],
        sound: &[Flask(
            "@app.route('/session/new')\ndef new():\n    session['a'] = 1\n    return ''",
        )],
    },
    Case {
        rule: "D25",
        broken: &[Flask(
            "@app.before_request\ndef keep():\n    session.modified = True",
        )],
        sound: &[Flask(
            "@app.route('/')\ndef index():\n    session.modified = True",
        )],
    },
    Case {
        rule: "D26",
        broken: &[Flask("PERMANENT_SESSION_LIFETIME = timedelta(days=7)")],
        sound: &[
            Abiding("PERMANENT_SESSION_LIFETIME = timedelta(days=7)"),
            FlaskSession(
                "PERMANENT_SESSION_LIFETIME = timedelta(days=7)\nSESSION_REFRESH_EACH_REQUEST = False",
            ),
        ],
    },
    Case {
        rule: "D27",
        broken: &[
            Flask("def step():\n    session['form'] = request.form.to_dict()"),
            Flask("MAX_COOKIE_SIZE = 0"),
        ],
        sound: &[
            Flask("def step():\n    session['step'] = 2"),
            FlaskSession(
                "SESSION_TYPE = 'redis'\ndef step():\n    session['form'] = request.form.to_dict()",
            ),
        ],
    },
    Case {
        rule: "D28",
        broken: &[
            Tree(&[("deploy.sh", "pip install Flask-Session>=0.6.0\n")]),
            Tree(&[(
                "Dockerfile",
                "RUN pip install redis Flask-Session>=0.6.0 && true\n",
            )]),
        ],
        sound: &[
            Tree(&[("deploy.sh", "pip install \"Flask-Session>=0.6.0\" > log\n")]),
            Tree(&[("deploy.sh", "pip install Flask-Session==0.6.0\n")]),
        ],
    },
    Case {
        rule: "D29",
        broken: &[
            Tree(&[("README.md", "    redis-cli FLUSHDB\n")]),
            Tree(&[("ops.sh", "ls flask_session | wc -l\n")]),
        ],
        sound: &[Tree(&[(
            "README.md",
            "    flask abiding count\n    redis-cli ping\n",
        )])],
    },
    Case {
        rule: "D30",
        broken: &[
            FlaskSession("SESSION_REDIS = redis.from_url('redis://cache.example.com:6379')"),
            Pinned(
                "flask-session==0.5.0",
                "# Secure Redis connection\nSESSION_TYPE = 'redis'",
            ),
        ],
        sound: &[
            FlaskSession("SESSION_REDIS = redis.from_url('rediss://cache.example.com:6379')"),
            FlaskSession("SESSION_REDIS = redis.from_url('redis://redis:6379')"),
        ],
    },
    Case {
        rule: "D31",
        broken: &[
            Flask("def f():\n    session['created'] = datetime.now().isoformat()"),
            Flask("def f():\n    session['created'] = datetime.utcnow()"),
        ],
        sound: &[Flask(
            "def f():\n    session['created'] = datetime.now(timezone.utc).isoformat()",
        )],
    },
    Case {
        rule: "D32",
        broken: &[Pinned(
            "flask-session==0.5.0",
            "SESSION_TYPE = 'sqlalchemy'\nSESSION_PERMANENT = False",
        )],
        sound: &[
            Pinned(
                "flask-session==0.8.0",
                "SESSION_TYPE = 'sqlalchemy'\nSESSION_PERMANENT = False",
            ),
            Pinned(
                "flask-session==0.5.0",
                "SESSION_TYPE = 'redis'\nSESSION_PERMANENT = False",
            ),
        ],
    },
    Case {
        rule: "D33",
        broken: &[Tree(&[
            ("requirements.txt", "flask-session==0.6.0\n"),
            (
                "app.py",
                "from flask_session import Session\nSESSION_TYPE = 'sqlalchemy'\n",
            ),
            (
                "compose.yml",
                "services:\n  db:\n    environment:\n      PGTZ: America/Los_Angeles\n",
            ),
        ])],
        sound: &[
            Tree(&[
                ("requirements.txt", "flask-session==0.8.0\n"),
                (
                    "app.py",
                    "from flask_session import Session\nSESSION_TYPE = 'sqlalchemy'\n",
                ),
                (
                    "compose.yml",
                    "services:\n  db:\n    environment:\n      PGTZ: America/Los_Angeles\n",
                ),
            ]),
            Tree(&[
                ("requirements.txt", "flask-session==0.6.0\n"),
                (
                    "app.py",
                    "from flask_session import Session\nSESSION_TYPE = 'sqlalchemy'\n",
                ),
                (
                    "compose.yml",
                    "services:\n  db:\n    environment:\n      PGTZ: UTC\n",
                ),
            ]),
        ],
    },
    Case {
        rule: "D34",
        broken: &[FlaskSession(
            "SESSION_TYPE = 'sqlalchemy'\nSQLALCHEMY_DATABASE_URI = 'mysql+pymysql://shop@db/shop'",
        )],
        sound: &[FlaskSession(
            "SESSION_TYPE = 'sqlalchemy'\nSQLALCHEMY_DATABASE_URI = 'postgresql://shop@db/shop'",
        )],
    },
    Case {
        rule: "D35",
        broken: &[
            FlaskSession("SESSION_REDIS = redis.Redis(decode_responses=True)"),
            Application(
                "flask_session.redis.RedisSessionInterface",
                r#""SESSION_REDIS": {"type": "redis.client.Redis", "decode_responses": true}"#,
            ),
        ],
        sound: &[
            FlaskSession("SESSION_REDIS = redis.Redis()"),
            FlaskSession(
                "SESSION_REDIS = redis.Redis(decode_responses=True)\nSESSION_SERIALIZATION_FORMAT = 'json'",
            ),
        ],
    },
    Case {
        rule: "D36",
        broken: &[
            Pinned(
                "flask-session==0.8.0",
                "def f():\n    flash(Markup('<b>saved</b>'))",
            ),
            Pinned(
                "flask-session>=0.7",
                "def f():\n    session['recent'] = deque(maxlen=5)",
            ),
        ],
        sound: &[
            Pinned("flask-session==0.8.0", "def f():\n    flash('saved')"),
            Pinned(
                "flask-session==0.5.0",
                "def f():\n    flash(Markup('<b>saved</b>'))",
            ),
        ],
    },
    Case {
        rule: "D37",
        broken: &[FlaskSession("SESSION_TYPE = 'dynamodb'")],
        sound: &[FlaskSession("SESSION_TYPE = 'redis'")],
    },
    Case {
        rule: "D38",
        broken: &[FlaskSession(
            "SESSION_USE_SIGNER = True\nSECRET_KEY_FALLBACKS = [os.environ['OLD']]",
        )],
        sound: &[
            FlaskSession("SECRET_KEY_FALLBACKS = [os.environ['OLD']]"),
            FlaskSession("SESSION_USE_SIGNER = True"),
        ],
    },
    Case {
        rule: "D39",
        broken: &[
            FlaskSession("SESSION_TYPE = 'redis'"),
            Application(
                "flask_session.redis.RedisSessionInterface",
                r#""SESSION_TYPE": "redis", "SESSION_REFRESH_EACH_REQUEST": true"#,
            ),
        ],
        sound: &[
            FlaskSession("SESSION_TYPE = 'redis'\nSESSION_REFRESH_EACH_REQUEST = False"),
            Abiding("SESSION_TYPE = 'redis'"),
        ],
    },
    Case {
        rule: "D40",
        broken: &[Pinned("flask-session==0.6.0", "SESSION_TYPE = 'redis'")],
        sound: &[Pinned("flask-session==0.7.0", "SESSION_TYPE = 'redis'")],
    },
    Case {
        rule: "D41",
        broken: &[
            Tree(&[(
                "MIGRATION.md",
                "Note: all users will need to log in again after this session change.\n",
            )]),
            Tree(&[(
                "migrations/a.py",
                "# flask\ndef upgrade():\n    op.drop_table('sessions')\n",
            )]),
        ],
        sound: &[Tree(&[(
            "MIGRATION.md",
            "Users stay signed in, sessions move.\n",
        )])],
    },
    Case {
        rule: "D42",
        broken: &[Pinned("flask-session==0.5.0", "SESSION_TYPE = 'redis'")],
        sound: &[Pinned("flask-session==0.6.0", "SESSION_TYPE = 'redis'")],
    },
    Case {
        rule: "D43",
        broken: &[FlaskSession("SESSION_CACHELIB = SimpleCache()")],
        sound: &[FlaskSession(
            "SESSION_CACHELIB = FileSystemCache('/var/lib/s', threshold=0)",
        )],
    },
    Case {
        rule: "CK-1",
        broken: &[Flask("SESSION_COOKIE_DOMAIN = '.example.org'")],
        sound: &[Flask("SESSION_COOKIE_DOMAIN = None")],
    },
    Case {
        rule: "CK-2",
        broken: &[Flask("SESSION_COOKIE_HTTPONLY = False")],
        sound: &[Flask("SESSION_COOKIE_HTTPONLY = True")],
    },
    Case {
        rule: "CK-3",
        broken: &[
            Flask("pass"),
            Flask("SESSION_COOKIE_SAMESITE = None"),
            Flask("SESSION_COOKIE_SAMESITE = 'None'"),
        ],
        sound: &[Flask("SESSION_COOKIE_SAMESITE = 'Lax'")],
    },
    Case {
        rule: "CK-4",
        broken: &[Flask("PERMANENT_SESSION_LIFETIME = timedelta(days=401)")],
        sound: &[Flask("PERMANENT_SESSION_LIFETIME = timedelta(days=400)")],
    },
    Case {
        rule: "LC-5",
        broken: &[Flask("PERMANENT_SESSION_LIFETIME = 31 * 24 * 60 * 60")],
        sound: &[Flask("PERMANENT_SESSION_LIFETIME = 30 * 24 * 60 * 60")],
    },
    Case {
        rule: "LC-6",
        broken: &[Abiding("SESSION_ABIDING_URL = 'redis://localhost'")],
        sound: &[
            Abiding(
                "SESSION_ABIDING_URL = 'redis://localhost'\nSESSION_ABIDING_ABSOLUTE_LIFETIME = timedelta(days=7)",
            ),
            Flask("pass"),
        ],
    },
    Case {
        rule: "DR-1",
        broken: &[
            Flask("app.secret_key = 'dev'"),
            Flask("app.secret_key = b'_5#y2L\"F4Q8z\\n\\xec]/'"),
            Tree(&[(".env", "SECRET_KEY=changeme\n")]),
            Tree(&[(
                "compose.yml",
                "services:\n  web:\n    environment:\n      - SECRET_KEY=${SECRET_KEY:-secret}\n",
            )]),
            Application(
                "abiding.flask.server.ServerSideSessionInterface",
                r#""SECRET_KEY": "organizer2024""#,
            ),
            Application(
                "abiding.flask.server.ServerSideSessionInterface",
                r#""SECRET_KEY": null"#,
            ),
            Application(
                "flask.sessions.SecureCookieSessionInterface",
                r#""SECRET_KEY": "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf""#,
            ),
            Rust("fn keys() { let key = Key::from_secret(\"dev\"); }"),
        ],
        sound: &[
            Flask("app.secret_key = os.environ['SECRET_KEY']"),
            Tree(&[(".env.example", "SECRET_KEY=changeme\n")]),
            Tree(&[(
                "tests/conftest.py",
                "import flask\napp.secret_key = 'test'\n",
            )]),
            Application(
                "abiding.flask.server.ServerSideSessionInterface",
                r#""SECRET_KEY": "4c1e1b6e0f5c9a37b2d8f2a4a6f7d0935d1c2ce78e9b""#,
            ),
        ],
    },
    Case {
        rule: "DR-2",
        broken: &[
            Flask("app.secret_key = os.urandom(24)"),
            Flask("SECRET_KEY = os.environ.get('SECRET_KEY', secrets.token_hex(32))"),
        ],
        sound: &[Flask("SECRET_KEY = os.environ['SECRET_KEY']")],
    },
    Case {
        rule: "DR-3",
        broken: &[Answer(&[SIGNED])],
        sound: &[Answer(&[SOUND])],
    },
    Case {
        rule: "DR-4",
        broken: &[
            Tree(&[(
                ".env",
                "SECRET_KEY=4c1e1b6e0f5c9a37b2d8f2a4a6f7d0935d1c2ce78e9b\n",
            )]),
            Tree(&[(
                ".env.example",
                "SECRET_KEY=4c1e1b6e0f5c9a37b2d8f2a4a6f7d0935d1c2ce78e9b\n",
            )]),
            Tree(&[(
                "compose.yml",
                "services:\n  web:\n    environment:\n      SECRET_KEY: 4c1e1b6e0f5c9a37b2d8f2a4a6f7d0935d1c2ce78e9b\n",
            )]),
            Flask("SECRET_KEY = '4c1e1b6e0f5c9a37b2d8f2a4a6f7d0935d1c2ce78e9b'"),
            Tree(&[(
                "session.key",
                "lN3tq0kYb0y3Zp1q9mVt8r6sJxQ2cWfE5uHaDgKiLoM\n",
            )]),
            // It went into a file that the repository does not have, and everybody knows it still.
            Since(
                &[(
                    "config.py",
                    "SECRET_KEY = '4c1e1b6e0f5c9a37b2d8f2a4a6f7d0935d1c2ce78e9b'",
                )],
                &[(
                    ".env",
                    "SECRET_KEY=4c1e1b6e0f5c9a37b2d8f2a4a6f7d0935d1c2ce78e9b\n",
                )],
            ),
        ],
        sound: &[
            Since(
                &[(
                    "config.py",
                    "SECRET_KEY = '4c1e1b6e0f5c9a37b2d8f2a4a6f7d0935d1c2ce78e9b'",
                )],
                &[],
            ),
            Tree(&[(".env.example", "SECRET_KEY=\n")]),
            Tree(&[(
                "compose.yml",
                "services:\n  web:\n    environment:\n      SECRET_KEY: ${SECRET_KEY:?}\n",
            )]),
            Flask("SECRET_KEY = os.environ['SECRET_KEY']"),
        ],
    },
    Case {
        rule: "D44",
        broken: &[
            Since(
                &[(
                    "config.py",
                    "import flask\nSECRET_KEY = '4c1e1b6e0f5c9a37b2d8f2a4a6f7d0935d1c2ce78e9b'",
                )],
                &[("config.py", "import flask\nSECRET_KEY = os.environ['KEY']")],
            ),
            Since(
                &[(
                    ".env",
                    "DATABASE_URL=postgres://shop:Xo3fie@db.example.com/shop\n",
                )],
                &[],
            ),
        ],
        sound: &[
            // What everybody can guess was no secret then either.
            Since(&[("config.py", "import flask\nSECRET_KEY = 'dev'")], &[]),
            Since(
                &[(
                    "tests/config.py",
                    "import flask\nSECRET_KEY = '4c1e1b6e0f5c9a37b2d8f2a4a6f7d0935d1c2ce78e9b'",
                )],
                &[],
            ),
            // Where it still stands it is the error DR-4.
            Since(
                &[(
                    ".env",
                    "SECRET_KEY=4c1e1b6e0f5c9a37b2d8f2a4a6f7d0935d1c2ce78e9b\n",
                )],
                &[(
                    ".env",
                    "SECRET_KEY=4c1e1b6e0f5c9a37b2d8f2a4a6f7d0935d1c2ce78e9b\n",
                )],
            ),
        ],
    },
    Case {
        rule: "DR-5",
        broken: &[Tree(&[(
            "session.key",
            "lN3tq0kYb0y3Zp1q9mVt8r6sJxQ2cWfE5uHaDgKiLoM from=2024-01-01T00:00:00Z\n",
        )])],
        sound: &[Tree(&[(
            "session.key",
            "lN3tq0kYb0y3Zp1q9mVt8r6sJxQ2cWfE5uHaDgKiLoM from=2026-01-01T00:00:00Z\naN3tq0kYb0y3Zp1q9mVt8r6sJxQ2cWfE5uHaDgKiLoM from=2024-01-01T00:00:00Z\n",
        )])],
    },
    Case {
        rule: "ST-6",
        broken: &[FlaskSession("SESSION_FILE_MODE = 0o644")],
        sound: &[FlaskSession("SESSION_FILE_MODE = 0o600")],
    },
    Case {
        rule: "R01",
        broken: &[Rust(
            "fn keys() { let key = Key::danger_from_secret(secret); }",
        )],
        sound: &[
            Rust("pub fn danger_trust_all(self) -> Self { self }"),
            Rust("fn keys() { let key = Key::from_secret(secret); }"),
            Rust("#[cfg(test)]\nmod tests { fn keys() { Key::danger_from_secret(\"x\"); } }"),
        ],
    },
    Case {
        rule: "R02",
        broken: &[Rust("fn main() { Manager::builder(MemoryStore::new()); }")],
        sound: &[
            Rust("fn main() { // MemoryStore::new()\n let text = \"MemoryStore::new()\"; }"),
            Rust("#[test]\nfn it() { MemoryStore::new(); }\nfn main() {}"),
        ],
    },
    Case {
        rule: "R03",
        broken: &[Rust(
            "fn keys() { abiding::Key::parse(\"lN3tq0kYb0y3Zp1q9mVt8r6sJxQ2cWfE5uHaDgKiLoM\"); }",
        )],
        sound: &[Rust("fn keys() { abiding::Key::parse(&text); }")],
    },
    Case {
        rule: "U01",
        broken: &[Answer(&["session=abc; HttpOnly"])],
        sound: &[Answer(&[SOUND]), Answer(&["theme=dark"])],
    },
    Case {
        rule: "U02",
        broken: &[Answer(&["session=abc; Secure"])],
        sound: &[Answer(&[SOUND])],
    },
    Case {
        rule: "U03",
        broken: &[
            Answer(&["session=abc; Secure"]),
            Answer(&["session=abc; SameSite=None; Secure"]),
        ],
        sound: &[Answer(&[SOUND])],
    },
    Case {
        rule: "U04",
        broken: &[Answer(&["session=abc; Secure"])],
        sound: &[Answer(&[SOUND])],
    },
    Case {
        rule: "U05",
        broken: &[Answer(&["session=abc; Max-Age=34560001"])],
        sound: &[Answer(&["session=abc; Max-Age=34560000"])],
    },
    Case {
        rule: "U06",
        broken: &[
            Answer(&[SOUND]),
            Answer(&[SOUND, "cache-control: public, max-age=60", "vary: cookie"]),
        ],
        sound: &[
            Answer(&[SOUND, "cache-control: no-store"]),
            Answer(&[SOUND, "vary: accept-encoding, Cookie"]),
            Answer(&["cache-control: public"]),
        ],
    },
    Case {
        rule: "U07",
        broken: &[Answer(&[SOUND, SOUND])],
        sound: &[Answer(&[SOUND, "session=a; Path=/x"])],
    },
    Case {
        rule: "U08",
        broken: &[
            Answer(&[SOUND]),
            Answer(&["strict-transport-security: max-age=60"]),
        ],
        sound: &[Answer(&[
            "strict-transport-security: max-age=31536000; includeSubDomains",
        ])],
    },
    Case {
        rule: "S01",
        broken: &[Store(|store| store.refusal = Some("refused".into()))],
        sound: &[Store(|_| ())],
    },
    Case {
        rule: "S02",
        broken: &[Store(|store| store.encrypted = Some(false))],
        sound: &[
            Store(|store| store.encrypted = Some(true)),
            Store(|store| {
                store.encrypted = Some(false);
                store.local = true;
            }),
        ],
    },
    Case {
        rule: "S03",
        broken: &[Store(|store| store.excessive = vec!["SUPERUSER".into()])],
        sound: &[Store(|_| ())],
    },
    Case {
        rule: "S04",
        broken: &[
            Store(|store| store.eviction = Some("allkeys-lru".into())),
            Tree(&[(
                "compose.yml",
                "services:\n  redis:\n    command: redis-server --maxmemory-policy allkeys-lru\n",
            )]),
        ],
        sound: &[
            Store(|store| store.eviction = Some("noeviction".into())),
            Tree(&[(
                "compose.yml",
                "services:\n  redis:\n    command: redis-server --maxmemory-policy noeviction\n",
            )]),
        ],
    },
    Case {
        rule: "S05",
        broken: &[Store(|store| store.skew = Some(-3.0))],
        sound: &[Store(|store| store.skew = Some(1.0))],
    },
    Case {
        rule: "S06",
        broken: &[Store(|store| {
            store.sql_mode = Some("NO_ENGINE_SUBSTITUTION".into())
        })],
        sound: &[Store(|store| {
            store.sql_mode = Some("STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION".into())
        })],
    },
    Case {
        rule: "S07",
        broken: &[Store(|store| store.loose_mode = Some(0o644))],
        sound: &[Store(|_| ())],
    },
];

impl Fixture {
    fn facts(&self) -> Facts {
        let python = |imports: &str, code: &str| {
            let text = format!("import os\n{imports}\n{code}\n");
            facts_of(&[("app.py", &text)])
        };
        const FLASK: &str = "from flask import Flask, session";
        const FLASK_SESSION: &str =
            "from flask import Flask, session\nfrom flask_session import Session";
        let facts = match self {
            Application(interface, settings) => {
                let json = format!(r#"{{"interface": "{interface}", "settings": {{{settings}}}}}"#);
                Facts::of_application(&json).unwrap()
            }
            Answer(headers) => Facts {
                answer: Some(answer(headers)),
                ..Facts::default()
            },
            Store(change) => {
                let mut store = StoreSays {
                    url: "redis://cache.example.com".into(),
                    ..StoreSays::default()
                };
                change(&mut store);
                Facts {
                    store: Some(store),
                    ..Facts::default()
                }
            }
            Tree(files) => facts_of(files),
            Since(then, now) => facts_since(then, now),
            Flask(code) => python(FLASK, code),
            FlaskSession(code) => python(FLASK_SESSION, code),
            Abiding(code) => python(
                "from flask import Flask, session\nfrom abiding.flask import Session",
                code,
            ),
            Rust(code) => facts_of(&[("src/main.rs", code)]),
            Pinned(requirements, code) => {
                let text = format!("{FLASK_SESSION}\n{code}\n");
                facts_of(&[("requirements.txt", requirements), ("app.py", &text)])
            }
        };
        // 21 November 2026.
        facts.at(1_795_219_200)
    }
}

fn answer(headers: &[&str]) -> Answer {
    let headers = headers.iter().map(|header| match header.split_once(": ") {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => ("set-cookie".to_owned(), (*header).to_owned()),
    });
    Answer {
        url: "https://shop.example.com/".into(),
        https: true,
        headers: headers.collect(),
        ..Answer::default()
    }
}

fn broken_by(fixture: &Fixture, rule: &str) -> bool {
    let report = examine(&fixture.facts(), &Silences::default());
    report
        .findings()
        .iter()
        .any(|finding| finding.rule.id == rule)
}

#[test]
fn each_rule_is_broken_by_what_breaks_it_and_by_nothing_sound() {
    let mut wrong = Vec::new();
    for case in CASES {
        for (at, fixture) in case.broken.iter().enumerate() {
            if !broken_by(fixture, case.rule) {
                wrong.push(format!("{}: broken fixture {at} breaks nothing", case.rule));
            }
        }
        for (at, fixture) in case.sound.iter().enumerate() {
            if broken_by(fixture, case.rule) {
                wrong.push(format!("{}: sound fixture {at} breaks it", case.rule));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_rule_is_without_a_fixture_that_breaks_it_and_one_that_does_not() {
    let ids: BTreeSet<_> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), RULES.len(), "two rules have one name");
    let covered = CASES
        .iter()
        .filter(|case| !case.broken.is_empty() && !case.sound.is_empty());
    let covered: BTreeSet<_> = covered.map(|case| case.rule).collect();
    assert_eq!(ids, covered);
}

/// A rule that says where it is seen has a fixture of that source.
#[test]
fn each_source_of_a_rule_is_one_that_can_break_it() {
    for rule in RULES.iter() {
        let case = CASES.iter().find(|case| case.rule == rule.id).unwrap();
        for fixture in case.broken {
            let source = match fixture {
                Application(..) => Source::Application,
                Answer(_) => Source::Url,
                Store(_) => Source::Store,
                _ => Source::Tree,
            };
            assert!(
                rule.sources.contains(&source),
                "{} is broken by a source that it does not name",
                rule.id
            );
        }
    }
}

/// DR-1: as an application's own, in the code and as the configuration of a running one; what is near is not it.
#[test]
fn each_published_secret_is_found_where_it_is_the_secret_of_flask() {
    for (secret, place, _) in PUBLISHED {
        let more = [secret, &b"~"[..]].concat();
        for (secret, is_it) in [(*secret, true), (&more, false)] {
            let code: String = secret.iter().map(|byte| format!("\\x{byte:02x}")).collect();
            let code = format!("from flask import Flask\napp.secret_key = '{code}'\n");
            let setting = serde_json::json!({ "settings": { "SECRET_KEY": { "bytes": secret } }, "interface": "flask.X" });
            for facts in [
                facts_of(&[("app.py", &code)]),
                Facts::of_application(&setting.to_string()).unwrap(),
            ] {
                let report = examine(&facts, &Silences::default());
                let told = format!("is published: {place} (");
                let found = report
                    .findings()
                    .iter()
                    .any(|finding| finding.what.contains(&told));
                assert_eq!(found, is_it, "{place}");
            }
        }
    }
}

/// DR-6: what breaks a rule of secrets is told without the secret.
#[test]
fn no_secret_that_is_found_is_printed() {
    let secrets = [
        "4c1e1b6e0f5c9a37b2d8f2a4a6f7d0935d1c2ce78e9b",
        "organizer2024",
        "hunter2",
        "lN3tq0kYb0y3Zp1q9mVt8r6sJxQ2cWfE5uHaDgKiLoM",
        "192b9bdd22ab9ed4",
        "dev-secret-key-change",
    ];
    for case in CASES {
        for fixture in case.broken.iter().chain(case.sound) {
            let facts = fixture.facts();
            let report = examine(&facts, &Silences::default());
            for text in [
                report.to_string(),
                report.to_json(),
                report.to_sarif(),
                format!("{facts:?} {report:?}"),
            ] {
                for secret in secrets {
                    assert!(!text.contains(secret), "{} prints a secret", case.rule);
                }
            }
        }
    }
}
