-- Oldest code: 2

-- An address for useapi.net's callbacks for each server: the secret in it is kept encrypted, and found by its hash.
ALTER TABLE servers ADD COLUMN callback_secret BLOB;
ALTER TABLE servers ADD COLUMN callback_hash BLOB;         -- SHA-256 of the secret
ALTER TABLE servers ADD COLUMN callback_heard_at INTEGER;  -- when a callback with the secret last came in
CREATE UNIQUE INDEX servers_by_callback ON servers (callback_hash) WHERE callback_hash IS NOT NULL;

-- A channel to which every job of the server's own account is relayed.
CREATE TABLE follows (
    guild_id    INTEGER NOT NULL,
    channel_id  INTEGER NOT NULL,
    account_id  INTEGER NOT NULL REFERENCES accounts (id),
    progress    INTEGER NOT NULL DEFAULT 0, -- whether cards are shown
    followed_by INTEGER,                    -- Discord user; NULL once they asked to be forgotten
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (guild_id, channel_id)
);
CREATE INDEX follows_by_account ON follows (account_id);
CREATE INDEX follows_by_channel ON follows (channel_id);

-- Who waits for the job in this channel: people ('asked'), or a follow without ('followed') or with a card
-- ('followed with card').
ALTER TABLE subscriptions ADD COLUMN origin TEXT NOT NULL DEFAULT 'asked'
    CHECK (origin IN ('asked', 'followed', 'followed with card'));

-- Somebody who asked to be forgotten stands as 0 where a column says that there was a person: batches.user_id,
-- subscriptions.stopped_by. No user of Discord has that id.

ALTER TABLE servers ADD COLUMN upload_limit_at INTEGER; -- when upload_limit was learned

-- In which order deliveries of a channel go out: outcomes, notices, cards and summaries.
ALTER TABLE deliveries ADD COLUMN urgency INTEGER
    GENERATED ALWAYS AS (CASE kind WHEN 'notice' THEN 1 WHEN 'card' THEN 2 WHEN 'summary' THEN 2 ELSE 0 END) VIRTUAL;
CREATE INDEX deliveries_urgent ON deliveries (urgency, id, next_at, channel_id)
    WHERE state IN ('waiting', 'sending');

-- One id may be watched under several accounts.
CREATE INDEX jobs_by_jobid ON jobs (jobid);
