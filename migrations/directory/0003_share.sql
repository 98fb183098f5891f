-- Whose accounts hold mailboxes that others may see, by identifier; the mailboxes' own lists say what they may do there.
CREATE TABLE share (
  identifier TEXT NOT NULL COLLATE NOCASE,
  owner      TEXT NOT NULL COLLATE NOCASE,
  PRIMARY KEY (identifier, owner)
) STRICT, WITHOUT ROWID;
CREATE INDEX share_by_owner ON share (owner);
