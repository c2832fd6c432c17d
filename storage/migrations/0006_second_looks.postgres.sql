-- Oldest code: 5

-- When the channel's history is to be searched for a second message (milliseconds UTC); NULL: it is not. A process that
-- was halted in the middle of a send may have gone on after another process had sent the message in its place.
ALTER TABLE deliveries ADD COLUMN second_look_at BIGINT;
CREATE INDEX deliveries_second_look ON deliveries (second_look_at) WHERE second_look_at IS NOT NULL;
