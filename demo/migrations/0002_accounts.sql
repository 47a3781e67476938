-- Who may sign in. `password` is a PHC string of argon2id; none for those who sign in by other means.
CREATE TABLE user (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    email      TEXT    NOT NULL UNIQUE COLLATE NOCASE,
    name       TEXT    NOT NULL,
    password   TEXT,
    created_at INTEGER NOT NULL -- milliseconds since the Unix epoch
) STRICT;

-- Sign-ins that went wrong, by account and by where they came from. What is counted lies here, not
-- in a process: a restart forgives nothing, and processes that share the file share the counts.
CREATE TABLE failure (
    name         TEXT    PRIMARY KEY, -- "account EMAIL" or "address IP"
    count        INTEGER NOT NULL,
    last_at      INTEGER NOT NULL,
    closed_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
