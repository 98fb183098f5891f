-- Mail accepted and not yet delivered. Times are milliseconds since 1970. Message text lies in spool/<id>.

CREATE TABLE message (
  id           TEXT PRIMARY KEY,
  created      INTEGER NOT NULL,
  reverse_local  TEXT,            -- NULL for <>
  reverse_domain TEXT,
  body         TEXT NOT NULL,
  smtputf8     INTEGER NOT NULL,
  require_tls  INTEGER NOT NULL,
  ret          TEXT,
  envid        TEXT,
  sender       TEXT,              -- login
  size         INTEGER NOT NULL   -- octets in the spool file
) STRICT, WITHOUT ROWID;

-- All recipients of one message that go the same way, tried together.
CREATE TABLE job (
  id           INTEGER PRIMARY KEY,
  message_id   TEXT NOT NULL REFERENCES message (id),
  transport    TEXT NOT NULL,
  destination  TEXT NOT NULL,     -- what concurrency and order are kept for
  sender       TEXT NOT NULL,     -- whose turn it is, for fairness
  state        INTEGER NOT NULL,  -- 0 ready, 1 waiting, 2 leased, 3 held
  rank         INTEGER NOT NULL,  -- order among the ready of a destination
  due          INTEGER NOT NULL,
  expires      INTEGER NOT NULL,
  warn_at      INTEGER,           -- when the sender hears of the delay
  attempts     INTEGER NOT NULL DEFAULT 0,
  lease_owner  TEXT,
  lease_token  INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX job_by_message ON job (message_id);
CREATE INDEX job_by_rank ON job (destination, rank) WHERE state = 0;
CREATE INDEX job_by_sender ON job (destination, sender, rank) WHERE state = 0;
CREATE INDEX job_by_due ON job (due) WHERE state = 1;
CREATE INDEX job_by_lease ON job (lease_owner) WHERE state = 2;
CREATE INDEX job_by_expiry ON job (expires) WHERE state IN (0, 1);
CREATE INDEX job_by_warning ON job (warn_at) WHERE warn_at IS NOT NULL;

CREATE TABLE recipient (
  id           INTEGER PRIMARY KEY,
  message_id   TEXT NOT NULL REFERENCES message (id),
  job_id       INTEGER NOT NULL,
  local_part   TEXT NOT NULL,
  domain       TEXT NOT NULL,
  original     TEXT NOT NULL,
  orcpt        TEXT,
  notify       TEXT,              -- comma-separated, NULL = not said
  state        TEXT NOT NULL DEFAULT 'queued',  -- queued delivered failed
  reply        TEXT,              -- the last one
  relay        TEXT,
  notice       TEXT               -- a DSN that is due: failed delayed delivered relayed expanded
) STRICT;

CREATE INDEX recipient_by_message ON recipient (message_id);
CREATE INDEX recipient_by_job ON recipient (job_id);
CREATE INDEX recipient_by_notice ON recipient (message_id) WHERE notice IS NOT NULL;

-- Destinations that could not be reached; nothing is tried there before `blocked_until`.
CREATE TABLE destination (
  name          TEXT PRIMARY KEY,
  blocked_until INTEGER NOT NULL,
  failures      INTEGER NOT NULL,
  reply         TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Who runs the queue. A worker past `until`, or whose process is gone, loses its leases.
CREATE TABLE worker (
  id       TEXT PRIMARY KEY,
  pid      INTEGER NOT NULL,
  started  TEXT NOT NULL,
  until    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
