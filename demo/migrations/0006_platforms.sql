-- The platforms that a user has connected. `version` grows with every change, so that whoever keeps a
-- copy sees by one number whether it still holds; ids are never given twice.
CREATE TABLE platform (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    owner   INTEGER NOT NULL REFERENCES user (id),
    version INTEGER NOT NULL DEFAULT 1,
    name    TEXT    NOT NULL COLLATE NOCASE,
    kind    TEXT    NOT NULL,
    account TEXT    NOT NULL,
    note    TEXT    NOT NULL,
    UNIQUE (owner, name)
) STRICT;

-- What was published, and where. The same text twice, as a double click sends it, is there once.
CREATE TABLE announcement (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    platform     INTEGER NOT NULL REFERENCES platform (id) ON DELETE CASCADE,
    published_at INTEGER NOT NULL, -- milliseconds since the Unix epoch
    text         TEXT    NOT NULL,
    UNIQUE (platform, text)
) STRICT;
