-- Parties, each of one user. Planning the same party twice, as a double click does, makes one.
CREATE TABLE party (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    owner INTEGER NOT NULL REFERENCES user (id),
    title TEXT    NOT NULL,
    day   TEXT    NOT NULL, -- YYYY-MM-DD
    UNIQUE (owner, title, day)
) STRICT;

CREATE TABLE guest (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    party  INTEGER NOT NULL REFERENCES party (id) ON DELETE CASCADE,
    name   TEXT    NOT NULL COLLATE NOCASE,
    answer TEXT    NOT NULL DEFAULT 'open' CHECK (answer IN ('yes', 'no', 'open')),
    UNIQUE (party, name)
) STRICT;
