-- Who else may use a mailbox, and what users wrote about it. Both also lie in small files of the folder, which outlive this index.

CREATE TABLE acl (
  mailbox_id INTEGER NOT NULL,
  identifier TEXT    NOT NULL,                  -- address, 'anyone', or either behind '-': RFC 4314 2
  rights     TEXT    NOT NULL,
  PRIMARY KEY (mailbox_id, identifier)
) STRICT, WITHOUT ROWID;

CREATE TABLE metadata (
  mailbox_id INTEGER NOT NULL,                  -- 0: the account
  user       TEXT    NOT NULL,                  -- whose private entry it is; '' = shared
  entry      TEXT    NOT NULL,                  -- lower case: '/shared/comment'
  value      BLOB    NOT NULL,
  PRIMARY KEY (mailbox_id, user, entry)
) STRICT, WITHOUT ROWID;
