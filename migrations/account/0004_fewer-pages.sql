-- A delivery writes fewer pages: what can be derived from rows that it writes anyway is not kept a second time.

DROP TRIGGER message_added;
DROP TRIGGER message_removed;
DROP TRIGGER message_flagged;
DROP TRIGGER message_resized;
DROP TRIGGER content_added;

-- Messages and octets are sums over mailboxes; the highest modseq drawn may be a mailbox's.
ALTER TABLE account DROP COLUMN messages;
ALTER TABLE account DROP COLUMN bytes;
-- 0: the mailboxes that every account has come when it is first opened by a reader.
ALTER TABLE account ADD COLUMN founded INTEGER NOT NULL DEFAULT 1;
-- Contents up to this id were tried by the search index; those that failed are in search_pending.
ALTER TABLE account ADD COLUMN words INTEGER NOT NULL DEFAULT 0;
UPDATE account SET words = (SELECT ifnull(max(id), 0) FROM content);

-- Rows whose file lies in new/: enough to see that one is missing there.
ALTER TABLE mailbox ADD COLUMN fresh INTEGER NOT NULL DEFAULT 0;
UPDATE mailbox SET fresh = (SELECT count(*) FROM message INDEXED BY message_new WHERE mailbox_id = mailbox.id AND substr(file, 1, 4) = 'new/');
DROP INDEX message_new;

CREATE TRIGGER message_added AFTER INSERT ON message BEGIN
  UPDATE mailbox SET messages = messages + 1, bytes = bytes + new.size, fresh = fresh + (substr(new.file, 1, 4) = 'new/'),
    unseen = unseen + (new.flags & 1 = 0), deleted = deleted + (new.flags & 8 <> 0),
    deleted_bytes = deleted_bytes + (new.flags & 8 <> 0) * new.size WHERE id = new.mailbox_id;
END;
CREATE TRIGGER message_removed AFTER DELETE ON message BEGIN
  UPDATE mailbox SET messages = messages - 1, bytes = bytes - old.size, fresh = fresh - (substr(old.file, 1, 4) = 'new/'),
    unseen = unseen - (old.flags & 1 = 0), deleted = deleted - (old.flags & 8 <> 0),
    deleted_bytes = deleted_bytes - (old.flags & 8 <> 0) * old.size WHERE id = old.mailbox_id;
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
END;
CREATE TRIGGER message_placed AFTER UPDATE OF file ON message
WHEN (substr(old.file, 1, 4) = 'new/') <> (substr(new.file, 1, 4) = 'new/') BEGIN
  UPDATE mailbox SET fresh = fresh + (substr(new.file, 1, 4) = 'new/') - (substr(old.file, 1, 4) = 'new/') WHERE id = new.mailbox_id;
END;
