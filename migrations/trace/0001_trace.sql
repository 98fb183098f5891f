-- What happened to messages, for `postcote trace`. Losing some at a power cut is no harm.

CREATE TABLE event (
  id        INTEGER PRIMARY KEY,
  at        INTEGER NOT NULL,   -- milliseconds since 1970
  queue_id  TEXT NOT NULL,
  msg       TEXT NOT NULL,
  fields    TEXT NOT NULL       -- JSON
) STRICT;

CREATE INDEX event_by_queue_id ON event (queue_id);
CREATE INDEX event_by_time ON event (at);

-- Addresses, Message-IDs and sessions that a queue id has to do with, lower case.
CREATE TABLE event_key (
  key       TEXT NOT NULL,
  queue_id  TEXT NOT NULL,
  at        INTEGER NOT NULL,
  PRIMARY KEY (key, queue_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX event_key_by_time ON event_key (at);
