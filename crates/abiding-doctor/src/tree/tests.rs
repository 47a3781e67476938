//! Facts out of single files, by their text.

use std::path::Path;

use crate::facts::{Facts, Past};

/// The facts of a repository that has these files, and has had those.
pub(crate) fn facts_since(then: &[(&str, &str)], now: &[(&str, &str)]) -> Facts {
    let settings = facts_of(then).settings.into_iter();
    Facts {
        history: settings
            .map(|setting| Past {
                setting,
                commit: "0123456789".to_owned(),
            })
            .collect(),
        ..facts_of(now)
    }
}

/// The facts of files by path and text, as they would be found in a repository.
pub(crate) fn facts_of(files: &[(&str, &str)]) -> Facts {
    let facts = files
        .iter()
        .filter_map(|(path, text)| super::read_text(Path::new(path), text, false));
    let mut facts = facts.fold(Facts::default(), Facts::merge);
    facts.is_repository = true;
    facts
}

#[test]
fn settings_are_found_wherever_python_puts_them() {
    let facts = facts_of(&[(
        "app.py",
        r#"
import os
from datetime import timedelta
URL = "redis://localhost"
class ProductionConfig:
    SESSION_COOKIE_SECURE = True
class TestConfig:
    SESSION_COOKIE_SECURE = False
app.config["SESSION_TYPE"] = "redis"
app.config.update(SESSION_PERMANENT=False, PERMANENT_SESSION_LIFETIME=timedelta(days=7, hours=1))
app.config.from_mapping({"SESSION_REDIS": URL})
app.config.setdefault("SESSION_ID_LENGTH", 16 * 2)
app.secret_key = os.environ.get("SECRET_KEY") or "x" "y"
def f():
    LOCAL_NAME = 1
"#,
    )]);
    let settings: Vec<_> = facts
        .settings
        .iter()
        .map(|setting| {
            format!(
                "{} {:?} {:?} {}",
                setting.name, setting.value, setting.scope, setting.origin
            )
        })
        .collect();
    assert_eq!(
        settings,
        [
            "URL 17 characters: small letters, signs Any app.py:4",
            "SESSION_COOKIE_SECURE true Any app.py:6",
            "SESSION_COOKIE_SECURE false Testing app.py:8",
            "SESSION_TYPE 5 characters: small letters Any app.py:9",
            "SESSION_PERMANENT false Any app.py:10",
            "PERMANENT_SESSION_LIFETIME 608400s Any app.py:10",
            "SESSION_REDIS 17 characters: small letters, signs Any app.py:11",
            "SESSION_ID_LENGTH 32 Any app.py:12",
            "SECRET_KEY Either([$SECRET_KEY or None, 2 characters: small letters]) Any app.py:13",
        ]
    );
}

#[test]
fn a_compose_file_tells_environment_and_options() {
    let facts = facts_of(&[(
        "docker-compose.yml",
        "services:\n  web:\n    environment:\n      SECRET_KEY: ${SECRET_KEY:-dev}\n      - odd\n  web2:\n    environment:\n      - FLASK_SESSION_TYPE=redis\n",
    )]);
    // A mapping and a sequence in one place is no YAML: what stands before it counts.
    assert_eq!(facts.settings.len(), 1);
    let facts = facts_of(&[(
        "compose.yaml",
        "services:\n  web:\n    environment:\n      SECRET_KEY: ${SECRET_KEY:-dev}\n  db:\n    environment:\n      - TZ=Asia/Tokyo\n      - FLASK_SESSION_TYPE=redis\n    command: redis-server --maxmemory-policy allkeys-lru\n",
    )]);
    let settings: Vec<_> = facts
        .settings
        .iter()
        .map(|setting| format!("{} {}", setting.name, setting.origin))
        .collect();
    assert_eq!(
        settings,
        [
            "SECRET_KEY compose.yaml:4",
            "TZ compose.yaml:7",
            "SESSION_TYPE compose.yaml:8"
        ]
    );
    assert_eq!(facts.sights.len(), 2);
}

#[test]
fn code_that_is_broken_is_read_as_far_as_it_goes() {
    let facts = facts_of(&[(
        "app.py",
        "import flask\napp.config['SESSION_TYPE'] = 'redis'\ndef f(:\n  x = = 1\nprint 'python 2'\n",
    )]);
    assert_eq!(facts.settings.len(), 1);
}

#[test]
fn nesting_without_end_is_left_out_and_breaks_nothing() {
    let deep = format!(
        "import flask\nSESSION_X = {}1{}\n",
        "(".repeat(20_000),
        ")".repeat(20_000)
    );
    let yaml = format!("services: {}", "[".repeat(50_000));
    let rust = format!(
        "fn a() {{ Key::parse({}1{}) }}",
        "(".repeat(2_000),
        ")".repeat(2_000)
    );
    facts_of(&[("app.py", &deep), ("compose.yml", &yaml), ("a.rs", &rust)]);
}
