-- UIDs, flags and modseqs of all messages as of a modseq, so that a large mailbox is opened without walking its rows.

CREATE TABLE kept_view (
  mailbox_id INTEGER PRIMARY KEY,
  modseq     INTEGER NOT NULL,                  -- of the mailbox then
  octets     BLOB    NOT NULL                   -- see store/kept-view.ts
) STRICT;
