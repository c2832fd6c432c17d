-- Oldest code: 4

-- The kind of a delivery and its round stand in columns of their own; `kind` held both (`outcome-2`, `again-123`).
-- Numbers of deliveries go on where they were: buttons carry them.

ALTER TABLE deliveries RENAME TO deliveries_before;
DROP INDEX deliveries_due;
DROP INDEX deliveries_by_guild;
DROP INDEX deliveries_by_channel;
DROP INDEX deliveries_by_batch;
DROP INDEX deliveries_urgent;

CREATE TABLE deliveries (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    kind            TEXT    NOT NULL CHECK (kind IN ('outcome', 'again', 'notice', 'card', 'summary')),
    round           INTEGER NOT NULL DEFAULT 0, -- outcome: the job's; again: the message whose button was pressed
    subscription_id INTEGER REFERENCES subscriptions (id) ON DELETE CASCADE, -- card, outcome, again
    batch_id        INTEGER REFERENCES batches (id) ON DELETE CASCADE,       -- summary
    notice          TEXT,               -- JSON, notices only
    guild_id        INTEGER NOT NULL,
    channel_id      INTEGER NOT NULL,
    base_nonce      TEXT    NOT NULL UNIQUE, -- stands in the message's button; same for every variant
    variant         TEXT    NOT NULL DEFAULT '', -- how the message is made up after a refusal
    closes_batch    INTEGER NOT NULL DEFAULT 0,  -- the last outcome of its batch: carries the batch's one ping
    state           TEXT    NOT NULL DEFAULT 'waiting'
                    CHECK (state IN ('waiting', 'sending', 'posted', 'given_up', 'unsure')),
    attempts        INTEGER NOT NULL DEFAULT 0,
    unanswered_at   INTEGER,            -- start of the first attempt without a response
    look_first      INTEGER NOT NULL DEFAULT 0, -- look into the history before sending again
    blocked_since   INTEGER,            -- first refusal for lack of permission
    next_at         INTEGER NOT NULL,
    message_id      INTEGER,
    reason          TEXT,               -- a word of model.states.Reason
    created_at      INTEGER NOT NULL,
    settled_at      INTEGER,
    urgency         INTEGER GENERATED ALWAYS AS -- the order of a channel: outcomes, notices, cards and summaries
                    (CASE kind WHEN 'notice' THEN 1 WHEN 'card' THEN 2 WHEN 'summary' THEN 2 ELSE 0 END) VIRTUAL,
    UNIQUE (subscription_id, kind, round)
);

INSERT INTO deliveries (id, kind, round, subscription_id, batch_id, notice, guild_id, channel_id, base_nonce, variant,
    closes_batch, state, attempts, unanswered_at, look_first, blocked_since, next_at, message_id, reason, created_at,
    settled_at)
SELECT id,
    CASE WHEN kind LIKE 'outcome-%' THEN 'outcome' WHEN kind LIKE 'again-%' THEN 'again' ELSE kind END,
    CASE WHEN kind LIKE 'outcome-%' THEN CAST(substr(kind, 9) AS INTEGER)
         WHEN kind LIKE 'again-%' THEN CAST(substr(kind, 7) AS INTEGER) ELSE 0 END,
    subscription_id, batch_id, notice, guild_id, channel_id, base_nonce, variant,
    closes_batch, state, attempts, unanswered_at, look_first, blocked_since, next_at, message_id, reason, created_at,
    settled_at
FROM deliveries_before;

DELETE FROM sqlite_sequence WHERE name = 'deliveries';
UPDATE sqlite_sequence SET name = 'deliveries' WHERE name = 'deliveries_before';
DROP TABLE deliveries_before;

CREATE INDEX deliveries_due ON deliveries (next_at) WHERE state IN ('waiting', 'sending');
CREATE INDEX deliveries_by_guild ON deliveries (guild_id, id);
CREATE INDEX deliveries_by_channel ON deliveries (channel_id) WHERE state IN ('waiting', 'sending');
CREATE INDEX deliveries_by_batch ON deliveries (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX deliveries_urgent ON deliveries (urgency, id, next_at, channel_id) WHERE state IN ('waiting', 'sending');
