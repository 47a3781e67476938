-- The development mailbox: what would have been sent, had a server been named. Never used in production.
CREATE TABLE mail (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    sent_at   INTEGER NOT NULL, -- milliseconds since the Unix epoch
    recipient TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    text      TEXT    NOT NULL
) STRICT;
