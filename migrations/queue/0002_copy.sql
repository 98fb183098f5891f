-- Text of short messages, durable by the commit that queues them. It moves to a spool file when the message stays for a while.

CREATE TABLE copy (
  id           INTEGER PRIMARY KEY,
  message_id   TEXT NOT NULL UNIQUE REFERENCES message (id),
  added        INTEGER NOT NULL,
  text         BLOB NOT NULL
) STRICT;
