-- When a user first showed that the address is theirs, by a code that was sent there.
ALTER TABLE user ADD COLUMN proven_at INTEGER; -- milliseconds since the Unix epoch; NULL: not yet
