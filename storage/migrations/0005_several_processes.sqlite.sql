-- Oldest code: 5

-- Which process is sending the message: SQLite has only one, so it stays empty.
ALTER TABLE deliveries ADD COLUMN owner TEXT;

-- Changes when the delivery is claimed or taken over: whoever records the result of an attempt names the token it read.
ALTER TABLE deliveries ADD COLUMN claim_token TEXT NOT NULL DEFAULT '';
