-- Words of messages, for SEARCH. Filled in the background; what is in search_pending is read from the file instead.

CREATE TABLE search_pending (
  content_id INTEGER PRIMARY KEY
) STRICT;
INSERT INTO search_pending SELECT id FROM content;

-- UTF-8 of casemapped text throughout.
CREATE TABLE search_field (
  content_id INTEGER PRIMARY KEY,
  subject    BLOB,                              -- null: no such field
  sender     BLOB,                              -- From
  recipient  BLOB,                              -- To
  copy       BLOB,                              -- Cc
  blind_copy BLOB                               -- Bcc
) STRICT;

CREATE TABLE search_text (
  content_id INTEGER PRIMARY KEY,
  head       BLOB    NOT NULL,
  body       BLOB    NOT NULL,
  whole      INTEGER NOT NULL                   -- 0: the text goes on in the file
) STRICT;
CREATE INDEX search_text_cut ON search_text (content_id) WHERE whole = 0;

-- Signatures of many messages each, see store/search/signature.ts.
CREATE TABLE search_block (
  id         INTEGER PRIMARY KEY,
  entries    INTEGER NOT NULL,
  signatures BLOB    NOT NULL
) STRICT;

CREATE TRIGGER content_added AFTER INSERT ON content BEGIN
  INSERT OR IGNORE INTO search_pending (content_id) VALUES (new.id);
END;
CREATE TRIGGER content_removed AFTER DELETE ON content BEGIN
  DELETE FROM search_pending WHERE content_id = old.id;
  DELETE FROM search_field WHERE content_id = old.id;
  DELETE FROM search_text WHERE content_id = old.id;
END;
