-- One row a submitted application. `submission` makes the submit idempotent: however often it
-- arrives, one form becomes one row.
CREATE TABLE membership_application (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    submission      TEXT    NOT NULL UNIQUE,
    submitted_at    INTEGER NOT NULL, -- milliseconds since the Unix epoch
    birth_date      TEXT    NOT NULL,
    gender          TEXT    NOT NULL,
    citizenship     TEXT    NOT NULL,
    id_number       TEXT    NOT NULL,
    first_names     TEXT    NOT NULL,
    surname         TEXT    NOT NULL,
    language        TEXT    NOT NULL,
    occupation      TEXT    NOT NULL,
    qualification   TEXT    NOT NULL,
    email           TEXT    NOT NULL,
    phone           TEXT    NOT NULL,
    address         TEXT    NOT NULL,
    municipality    TEXT    NOT NULL,
    ward            TEXT    NOT NULL,
    signature_typed TEXT    NOT NULL,
    signature_drawn TEXT    NOT NULL,
    agree_rules     TEXT    NOT NULL,
    agree_truth     TEXT    NOT NULL,
    agree_privacy   TEXT    NOT NULL,
    reason          TEXT    NOT NULL,
    method          TEXT    NOT NULL,
    reference       TEXT    NOT NULL
) STRICT;
