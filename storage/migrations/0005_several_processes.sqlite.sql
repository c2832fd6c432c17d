-- Oldest code: 5

-- Whose a message is while it is being sent: with SQLite nobody else's, so it stays empty.
ALTER TABLE deliveries ADD COLUMN owner TEXT;

-- Changes with each claim, and with nothing else: whoever records what came of an attempt names the one it read.
ALTER TABLE deliveries ADD COLUMN claim_token TEXT NOT NULL DEFAULT '';
