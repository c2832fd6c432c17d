-- Oldest code: 5

-- The language of what is posted in a server, by Discord's code: what its admins chose (NULL: as the server), and the one
-- for the server's locale in Discord, as it was last seen.
ALTER TABLE servers ADD COLUMN language TEXT;
ALTER TABLE servers ADD COLUMN locale TEXT;

-- The language that a message was first made in; every edit, retry and look for it in the history is in the same.
-- Empty: English.
ALTER TABLE deliveries ADD COLUMN language TEXT NOT NULL DEFAULT '';
