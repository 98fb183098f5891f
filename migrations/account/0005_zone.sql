-- INTERNALDATE is shown in the zone in which the client gave it.

ALTER TABLE message ADD COLUMN zone INTEGER;    -- minutes ahead of UTC; null: the host's at that time
