-- One account's index: a cache beside its Maildir, rebuilt from file names when it is missing.

CREATE TABLE account (
  id             INTEGER PRIMARY KEY CHECK (id = 1),
  boot_id        TEXT    NOT NULL DEFAULT '',   -- of the machine's run that last wrote here
  ready          INTEGER NOT NULL DEFAULT 0,    -- 0: folders are still to be read
  modseq         INTEGER NOT NULL DEFAULT 1,    -- highest drawn
  list_modseq    INTEGER NOT NULL DEFAULT 1,    -- of the last change to the list of mailboxes
  uid_validity   INTEGER NOT NULL DEFAULT 0,    -- highest ever given to a mailbox
  messages       INTEGER NOT NULL DEFAULT 0,
  bytes          INTEGER NOT NULL DEFAULT 0,
  root_stamp     TEXT    NOT NULL DEFAULT ''
) STRICT;
INSERT INTO account (id) VALUES (1);

CREATE TABLE mailbox (
  id             INTEGER PRIMARY KEY,           -- from object_id
  name           TEXT    NOT NULL UNIQUE,       -- Unicode, levels separated by '/'
  folder         TEXT    NOT NULL UNIQUE,       -- below the Maildir: '' for INBOX, '.Lists.dev'
  object_id      TEXT    NOT NULL UNIQUE,       -- RFC 8474
  uid_validity   INTEGER NOT NULL,
  uid_next       INTEGER NOT NULL DEFAULT 1,
  uid_reserved   INTEGER NOT NULL DEFAULT 0,    -- as in the folder's file: no UID up to here is drawn again after a crash
  modseq         INTEGER NOT NULL,
  special_use    TEXT,
  first_recent   INTEGER NOT NULL DEFAULT 1,
  tombstone_floor INTEGER NOT NULL DEFAULT 0,   -- tombstones up to this modseq may be gone
  messages       INTEGER NOT NULL DEFAULT 0,
  unseen         INTEGER NOT NULL DEFAULT 0,
  deleted        INTEGER NOT NULL DEFAULT 0,
  bytes          INTEGER NOT NULL DEFAULT 0,
  deleted_bytes  INTEGER NOT NULL DEFAULT 0,
  new_stamp      TEXT    NOT NULL DEFAULT '',   -- inode, mtime and ctime of new/ and cur/ as the rows know them
  cur_stamp      TEXT    NOT NULL DEFAULT '',
  scanned        INTEGER NOT NULL DEFAULT 0,    -- milliseconds: start of the last whole scan that found both at rest
  changed        INTEGER NOT NULL DEFAULT 0     -- milliseconds: last change of ours in the folder
) STRICT;

CREATE TABLE subscription (
  name TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE keyword (
  mailbox_id INTEGER NOT NULL,
  letter     INTEGER NOT NULL,                  -- 0 = a
  name       TEXT    NOT NULL,
  PRIMARY KEY (mailbox_id, letter)
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
  mailbox_id    INTEGER NOT NULL,
  uid           INTEGER NOT NULL,
  flags         INTEGER NOT NULL,
  modseq        INTEGER NOT NULL,
  internal_date INTEGER NOT NULL,               -- milliseconds
  save_date     INTEGER NOT NULL,
  size          INTEGER NOT NULL,               -- octets with CRLF line ends
  file_size     INTEGER NOT NULL,
  dirty         INTEGER NOT NULL DEFAULT 0,     -- the file's name or place is behind the row
  content_id    INTEGER,                        -- null: not read yet
  file          TEXT    NOT NULL,               -- below the folder: 'cur/NAME:2,S'
  origin        TEXT,                           -- below the Maildir: where a moved file still lies
  sent          INTEGER,                        -- by the Date field, milliseconds; null: unusable, or not read yet
  sent_day      INTEGER,                        -- as written there, its zone disregarded
  PRIMARY KEY (mailbox_id, uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX message_by_modseq ON message (mailbox_id, modseq, flags);
CREATE INDEX message_by_content ON message (content_id);
CREATE INDEX message_dirty ON message (mailbox_id, uid) WHERE dirty = 1;
CREATE INDEX message_new ON message (mailbox_id, uid) WHERE substr(file, 1, 4) = 'new/';
CREATE INDEX message_unread ON message (mailbox_id, uid) WHERE content_id IS NULL;

-- Keywords that have no letter, a JSON array.
CREATE TABLE more_keyword (
  mailbox_id INTEGER NOT NULL,
  uid        INTEGER NOT NULL,
  names      TEXT    NOT NULL,
  PRIMARY KEY (mailbox_id, uid)
) STRICT, WITHOUT ROWID;

-- What is read from a message once; copies share it.
CREATE TABLE content (
  id             INTEGER PRIMARY KEY,
  sort_keys      TEXT NOT NULL,
  envelope       BLOB NOT NULL,
  preview        TEXT NOT NULL,
  body_structure BLOB NOT NULL,
  body           BLOB NOT NULL,
  structure      TEXT NOT NULL
) STRICT;

CREATE TABLE header (
  content_id INTEGER PRIMARY KEY,
  bytes      BLOB NOT NULL
) STRICT;

CREATE TABLE tombstone (
  mailbox_id INTEGER NOT NULL,
  uid        INTEGER NOT NULL,
  modseq     INTEGER NOT NULL,
  file       TEXT,                              -- still to be removed
  content_id INTEGER,                           -- still to be removed
  PRIMARY KEY (mailbox_id, uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstone_by_modseq ON tombstone (mailbox_id, modseq);
CREATE INDEX tombstone_pending ON tombstone (mailbox_id, uid) WHERE file IS NOT NULL;

CREATE TABLE delivery (
  mailbox_id INTEGER NOT NULL,
  key        TEXT    NOT NULL,
  uid        INTEGER NOT NULL,
  modseq     INTEGER NOT NULL,
  PRIMARY KEY (mailbox_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_by_modseq ON delivery (modseq);

CREATE TRIGGER message_added AFTER INSERT ON message BEGIN
  UPDATE mailbox SET messages = messages + 1, bytes = bytes + new.size,
    unseen = unseen + (new.flags & 1 = 0), deleted = deleted + (new.flags & 8 <> 0),
    deleted_bytes = deleted_bytes + (new.flags & 8 <> 0) * new.size WHERE id = new.mailbox_id;
  UPDATE account SET messages = messages + 1, bytes = bytes + new.size;
END;
CREATE TRIGGER message_removed AFTER DELETE ON message BEGIN
  UPDATE mailbox SET messages = messages - 1, bytes = bytes - old.size,
    unseen = unseen - (old.flags & 1 = 0), deleted = deleted - (old.flags & 8 <> 0),
    deleted_bytes = deleted_bytes - (old.flags & 8 <> 0) * old.size WHERE id = old.mailbox_id;
  UPDATE account SET messages = messages - 1, bytes = bytes - old.size;
END;
CREATE TRIGGER message_flagged AFTER UPDATE OF flags ON message
WHEN (old.flags & 9) <> (new.flags & 9) BEGIN
  UPDATE mailbox SET unseen = unseen + (new.flags & 1 = 0) - (old.flags & 1 = 0),
    deleted = deleted + (new.flags & 8 <> 0) - (old.flags & 8 <> 0),
    deleted_bytes = deleted_bytes + ((new.flags & 8 <> 0) - (old.flags & 8 <> 0)) * new.size WHERE id = new.mailbox_id;
END;
CREATE TRIGGER message_resized AFTER UPDATE OF size ON message WHEN old.size <> new.size BEGIN
  UPDATE mailbox SET bytes = bytes + new.size - old.size,
    deleted_bytes = deleted_bytes + (new.flags & 8 <> 0) * (new.size - old.size) WHERE id = new.mailbox_id;
  UPDATE account SET bytes = bytes + new.size - old.size;
END;
