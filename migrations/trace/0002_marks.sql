-- Keys lay in a tree by themselves, so that each event wrote to many places of a file that grows for two weeks.

DROP TABLE event_key;
DROP INDEX event_by_time;                       -- ids ascend with time

-- Marks of the addresses, Message-IDs and sessions of many events: a search looks through all of them, then at those events.
CREATE TABLE event_mark (
  first INTEGER PRIMARY KEY,                    -- ids of events
  last  INTEGER NOT NULL,
  marks BLOB    NOT NULL                        -- 32 bits each
) STRICT;
