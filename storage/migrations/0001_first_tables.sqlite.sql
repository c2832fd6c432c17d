-- Oldest code: 1

-- Times are milliseconds UTC. Discord's ids are integers.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
);

-- An account of useapi.net. `account_key` is `user:<n>` where the token shows it, else the token's keyed hash, so that
-- a renewed token is the same account.
CREATE TABLE accounts (
    id          INTEGER PRIMARY KEY,
    account_key TEXT    NOT NULL UNIQUE,
    token       BLOB,               -- encrypted; NULL once no server uses it
    state       TEXT    NOT NULL DEFAULT 'ok' CHECK (state IN ('ok', 'refused', 'unpaid')),
    state_since INTEGER NOT NULL,
    tried_at    INTEGER             -- when the API last responded to this token
);

CREATE TABLE servers (
    guild_id       INTEGER PRIMARY KEY,
    account_id     INTEGER REFERENCES accounts (id),  -- NULL: the operator's account, if there is one
    token_set_by   INTEGER,                           -- Discord user
    alerts_channel INTEGER,
    upload_limit   INTEGER,                           -- bytes, learned from a 413; NULL: not known
    gone_since     INTEGER
);
CREATE INDEX servers_by_account ON servers (account_id);

CREATE TABLE jobs (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,  -- the `#number`; never used twice
    account_id    INTEGER NOT NULL REFERENCES accounts (id),
    jobid         TEXT    NOT NULL,
    snapshot      TEXT,                               -- the last response; NULL: none yet
    watched_since INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,                   -- when a response last brought something new
    missing_since INTEGER,                            -- when the API first said that it does not know the job
    round         INTEGER NOT NULL DEFAULT 0,         -- how often it was taken up again after having been given up
    ended_at      INTEGER,
    outcome       TEXT,                               -- how it ended; a word of model.job.Outcome
    UNIQUE (account_id, jobid)
);
CREATE INDEX jobs_open ON jobs (id) WHERE ended_at IS NULL;
CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL;

-- One `/pixverse watch`: its summary message stands in the place of cards.
CREATE TABLE batches (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id   INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    user_id    INTEGER NOT NULL,
    mention    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at   INTEGER,
    shown_at   INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE subscriptions (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id      INTEGER NOT NULL REFERENCES jobs (id),
    guild_id    INTEGER NOT NULL,
    channel_id  INTEGER NOT NULL,
    batch_id    INTEGER REFERENCES batches (id),
    spoiler     INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    stopped_by  INTEGER,                    -- Discord user who stopped watching; NULL: it ended otherwise
    shown_at    INTEGER NOT NULL DEFAULT 0, -- when the card last showed what was known
    shown       TEXT    NOT NULL DEFAULT '', -- what it said then: a word of model.states.CardStatus
    card_final  INTEGER NOT NULL DEFAULT 0,
    UNIQUE (job_id, channel_id)
);
CREATE INDEX subscriptions_by_channel ON subscriptions (channel_id);
CREATE INDEX subscriptions_open_by_channel ON subscriptions (channel_id) WHERE ended_at IS NULL;
CREATE INDEX subscriptions_open_by_guild ON subscriptions (guild_id) WHERE ended_at IS NULL;
CREATE INDEX subscriptions_by_batch ON subscriptions (batch_id) WHERE batch_id IS NOT NULL;

CREATE TABLE subscribers (
    subscription_id INTEGER NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    user_id         INTEGER NOT NULL,
    mention         INTEGER NOT NULL,
    in_batch        INTEGER NOT NULL DEFAULT 0, -- pinged once for the whole batch
    asked_at        INTEGER NOT NULL,
    PRIMARY KEY (subscription_id, user_id)
);
CREATE INDEX subscribers_by_user ON subscribers (user_id);

-- The outbox: every message that is to be posted exactly once.
CREATE TABLE deliveries (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    kind            TEXT    NOT NULL,   -- card, outcome, outcome-<round>, again-<interaction>, summary, notice
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
    UNIQUE (subscription_id, kind)
);
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE state IN ('waiting', 'sending');
CREATE INDEX deliveries_by_guild ON deliveries (guild_id, id);
CREATE INDEX deliveries_by_channel ON deliveries (channel_id) WHERE state IN ('waiting', 'sending');
CREATE INDEX deliveries_by_batch ON deliveries (batch_id) WHERE batch_id IS NOT NULL;
