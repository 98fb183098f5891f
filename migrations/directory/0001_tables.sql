-- Names and first columns are those of the usual guides, so that rows written by hand in sqlite3 work as they stand.

CREATE TABLE virtual_domains (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  name     TEXT NOT NULL COLLATE NOCASE UNIQUE,
  enabled  INTEGER NOT NULL DEFAULT 1,
  -- Every address here stands for the same local part there.
  alias_of TEXT COLLATE NOCASE,
  created  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);

CREATE TABLE virtual_users (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  -- Not used; some guides fill it.
  domain_id INTEGER,
  email     TEXT NOT NULL COLLATE NOCASE UNIQUE,
  password  TEXT NOT NULL,
  enabled   INTEGER NOT NULL DEFAULT 1,
  -- Octets or a text such as 1G; 0 = none, NULL = the configured default.
  quota     BLOB,
  -- Absolute path; NULL = the configured template.
  home      TEXT,
  created   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);

CREATE TABLE virtual_aliases (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  -- Not used for look-ups: source says it all.
  domain_id   INTEGER,
  -- Address, or @domain for all that is not found otherwise.
  source      TEXT NOT NULL COLLATE NOCASE,
  -- Addresses, separated by commas; several rows for one source add up.
  destination TEXT NOT NULL,
  enabled     INTEGER NOT NULL DEFAULT 1,
  created     TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);

CREATE INDEX virtual_aliases_by_source ON virtual_aliases (source);
