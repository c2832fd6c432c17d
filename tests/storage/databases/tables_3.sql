-- A database of tables 3 as version 1.0.0's code left it, with something in every state of the outbox (time: 1700000180000).
BEGIN TRANSACTION;
CREATE TABLE accounts (
    id          INTEGER PRIMARY KEY,
    account_key TEXT    NOT NULL,       -- `user:<n>` as the token's own text claims, else the token's keyed hash
    token       BLOB,                   -- encrypted; NULL once nobody uses it, or where it has to be entered again
    token_hash  TEXT,                   -- keyed; NULL where no token is kept
    of_operator INTEGER NOT NULL DEFAULT 0, -- from the settings; never a server's own
    confirmed   INTEGER NOT NULL DEFAULT 0, -- the API named the user that the token's text claims
    state       TEXT    NOT NULL DEFAULT 'ok' CHECK (state IN ('ok', 'refused', 'unpaid', 'missing')),
    state_since INTEGER NOT NULL,
    tried_at    INTEGER                 -- when the API last answered this token
);
INSERT INTO "accounts" VALUES(1,'user:1',NULL,NULL,0,0,'ok',1700000000000,NULL);
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
INSERT INTO "batches" VALUES(1,77,505,9,1,1700000120000,NULL,1700000120000);
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
    unanswered_at   INTEGER,            -- start of the first attempt that nobody answered
    look_first      INTEGER NOT NULL DEFAULT 0, -- look into the history before sending again
    blocked_since   INTEGER,            -- first refusal for lack of permission
    next_at         INTEGER NOT NULL,
    message_id      INTEGER,
    reason          TEXT,               -- a word of model.states.Reason
    created_at      INTEGER NOT NULL,
    settled_at      INTEGER, urgency INTEGER
    GENERATED ALWAYS AS (CASE kind WHEN 'notice' THEN 1 WHEN 'card' THEN 2 WHEN 'summary' THEN 2 ELSE 0 END) VIRTUAL,
    UNIQUE (subscription_id, kind)
);
INSERT INTO "deliveries" VALUES(1,'card',1,NULL,NULL,77,501,'6c7ee06582205acdabef15e5a','',0,'posted',1,NULL,0,NULL,1700000000000,1174109840998400000,NULL,1700000000000,1700000000000);
INSERT INTO "deliveries" VALUES(2,'card',2,NULL,NULL,77,502,'5b7a8a37467a76e306d842c64','',0,'posted',1,NULL,0,NULL,1700000000000,1174109840998400002,NULL,1700000000000,1700000000000);
INSERT INTO "deliveries" VALUES(3,'outcome',3,NULL,NULL,77,503,'c9a989c30afe6514d78a8e70a','',0,'posted',1,NULL,0,NULL,1700000000000,1174109840998400001,NULL,1700000000000,1700000000000);
INSERT INTO "deliveries" VALUES(4,'card',4,NULL,NULL,77,504,'627f93a3bd7fe60c713907a2c','',0,'posted',1,NULL,0,NULL,1700000000000,1174109840998400003,NULL,1700000000000,1700000000000);
INSERT INTO "deliveries" VALUES(5,'outcome',4,NULL,NULL,77,504,'5c59ded19bbb0efadc89cd0cf','',0,'posted',1,NULL,0,NULL,1700000000000,1174109840998400004,NULL,1700000000000,1700000000000);
INSERT INTO "deliveries" VALUES(6,'outcome-1',4,NULL,NULL,77,504,'268d9fb277ad99b54eba27d32','',0,'posted',1,NULL,0,NULL,1700000060000,1174110092656640005,NULL,1700000060000,1700000060000);
INSERT INTO "deliveries" VALUES(7,'summary',NULL,1,NULL,77,505,'59ab87ff30a0332e9142e30ac','',0,'posted',1,NULL,0,NULL,1700000120000,1174110344314880006,NULL,1700000120000,1700000120000);
INSERT INTO "deliveries" VALUES(8,'outcome',5,NULL,NULL,77,505,'2bde2bde49b964ae699363507','',0,'posted',1,NULL,0,NULL,1700000120000,1174110344314880007,NULL,1700000120000,1700000120000);
INSERT INTO "deliveries" VALUES(9,'outcome',6,NULL,NULL,77,505,'2e0856c3bf5dda21108bfcc4f','',1,'waiting',0,NULL,0,NULL,1700000180000,NULL,NULL,1700000180000,NULL);
INSERT INTO "deliveries" VALUES(10,'outcome-2',4,NULL,NULL,77,504,'f5e1df3d6534f29b19c853061','',0,'waiting',0,NULL,0,NULL,1700000180000,NULL,NULL,1700000180000,NULL);
INSERT INTO "deliveries" VALUES(11,'again-1444999888777666555',3,NULL,NULL,77,503,'65a3a1a47a16b0f3e740fdd6f','',0,'waiting',0,NULL,0,NULL,1700000180000,NULL,NULL,1700000180000,NULL);
INSERT INTO "deliveries" VALUES(12,'notice',NULL,NULL,'{"kind":"token refused","nonce":"","mention":[9],"jobs":2}',77,506,'311741cb9d9861f4cf4ed6599','',0,'waiting',0,NULL,0,NULL,1700000180000,NULL,NULL,1700000180000,NULL);
INSERT INTO "deliveries" VALUES(13,'outcome',7,NULL,NULL,77,508,'324ce62aa28d24e0861c1a7ac','',0,'sending',1,1700000180000,0,NULL,1700000180000,NULL,NULL,1700000180000,NULL);
INSERT INTO "deliveries" VALUES(14,'outcome',8,NULL,NULL,77,509,'ae11122b0ca8aee956a77a905','',0,'waiting',0,NULL,0,1700000180000,1700000240000,NULL,'no permission',1700000180000,NULL);
INSERT INTO "deliveries" VALUES(15,'outcome',9,NULL,NULL,77,510,'35ef1617791a1a5d8541fdece','',0,'unsure',1,1700000180000,0,NULL,1700000180000,NULL,'cannot look',1700000180000,1700000180000);
INSERT INTO "deliveries" VALUES(16,'outcome',10,NULL,NULL,77,511,'3a84df6fc3d7ee7d2d90caa4e','',0,'given_up',0,NULL,0,NULL,1700000180000,NULL,'refused',1700000180000,1700000180000);
INSERT INTO "deliveries" VALUES(17,'card',11,NULL,NULL,77,513,'b40bd982699d52723b00d27ac','',0,'waiting',0,NULL,0,NULL,1700000180000,NULL,NULL,1700000180000,NULL);
CREATE TABLE follows (
    guild_id    INTEGER NOT NULL,
    channel_id  INTEGER NOT NULL,
    account_id  INTEGER NOT NULL REFERENCES accounts (id),
    progress    INTEGER NOT NULL DEFAULT 0, -- whether cards are shown
    followed_by INTEGER,                    -- Discord user; NULL once they asked to be forgotten
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (guild_id, channel_id)
);
INSERT INTO "follows" VALUES(77,507,1,1,9,1700000180000);
CREATE TABLE jobs (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,  -- the `#number`; never used twice
    account_id    INTEGER NOT NULL REFERENCES accounts (id),
    jobid         TEXT    NOT NULL,
    snapshot      TEXT,                               -- the last answer; NULL: none yet
    watched_since INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,                   -- when an answer last brought something new
    missing_since INTEGER,                            -- first of two "not found"
    round         INTEGER NOT NULL DEFAULT 0,         -- how often it was taken up again after having been given up
    ended_at      INTEGER,
    outcome       TEXT,                               -- how it ended; see model.job.Outcome
    UNIQUE (account_id, jobid)
);
INSERT INTO "jobs" VALUES(1,1,'job-running','{"jobid":"job-running","state":"progress","status":"progress","percent":40,"prompt":"a cat"}',1700000000000,1700000000000,NULL,0,NULL,NULL);
INSERT INTO "jobs" VALUES(2,1,'job-new',NULL,1700000000000,1700000000000,NULL,0,NULL,NULL);
INSERT INTO "jobs" VALUES(3,1,'job-again','{"jobid":"job-again","state":"completed","status":"completed","prompt":"a cat","media":[{"url":"https://cdn.example/0.mp4","size":1000}]}',1700000000000,1700000000000,NULL,0,1700000000000,'completed');
INSERT INTO "jobs" VALUES(4,1,'job-rounds','{"jobid":"job-rounds","state":"completed","status":"completed","prompt":"a cat","media":[{"url":"https://cdn.example/0.mp4","size":1000}]}',1700000120000,1700000180000,NULL,2,1700000180000,'completed');
INSERT INTO "jobs" VALUES(5,1,'job-b1','{"jobid":"job-b1","state":"completed","status":"completed","prompt":"a cat","media":[{"url":"https://cdn.example/0.mp4","size":1000}]}',1700000120000,1700000120000,NULL,0,1700000120000,'completed');
INSERT INTO "jobs" VALUES(6,1,'job-b2','{"jobid":"job-b2","state":"completed","status":"completed","prompt":"a cat","media":[{"url":"https://cdn.example/0.mp4","size":1000}]}',1700000120000,1700000180000,NULL,0,1700000180000,'completed');
INSERT INTO "jobs" VALUES(7,1,'job-sending','{"jobid":"job-sending","state":"completed","status":"completed","prompt":"a cat","media":[{"url":"https://cdn.example/0.mp4","size":1000}]}',1700000180000,1700000180000,NULL,0,1700000180000,'completed');
INSERT INTO "jobs" VALUES(8,1,'job-blocked','{"jobid":"job-blocked","state":"completed","status":"completed","prompt":"a cat","media":[{"url":"https://cdn.example/0.mp4","size":1000}]}',1700000180000,1700000180000,NULL,0,1700000180000,'completed');
INSERT INTO "jobs" VALUES(9,1,'job-lost','{"jobid":"job-lost","state":"completed","status":"completed","prompt":"a cat","media":[{"url":"https://cdn.example/0.mp4","size":1000}]}',1700000180000,1700000180000,NULL,0,1700000180000,'completed');
INSERT INTO "jobs" VALUES(10,1,'job-refused','{"jobid":"job-refused","state":"completed","status":"completed","prompt":"a cat","media":[{"url":"https://cdn.example/0.mp4","size":1000}]}',1700000180000,1700000180000,NULL,0,1700000180000,'completed');
INSERT INTO "jobs" VALUES(11,1,'job-late',NULL,1700000180000,1700000180000,NULL,0,NULL,NULL);
INSERT INTO "jobs" VALUES(12,1,'job-gone',NULL,1700000180000,1700000180000,NULL,0,NULL,NULL);
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
);
CREATE TABLE servers (
    guild_id       INTEGER PRIMARY KEY,
    account_id     INTEGER REFERENCES accounts (id),  -- NULL: the operator's account, if there is one
    token_set_by   INTEGER,                           -- Discord user
    alerts_channel INTEGER,
    upload_limit   INTEGER,                           -- bytes, learned from a 413; NULL: not known
    gone_since     INTEGER
, callback_secret BLOB, callback_hash BLOB, callback_heard_at INTEGER, upload_limit_at INTEGER);
INSERT INTO "servers" VALUES(77,NULL,NULL,506,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE subscribers (
    subscription_id INTEGER NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    user_id         INTEGER NOT NULL,
    mention         INTEGER NOT NULL,
    in_batch        INTEGER NOT NULL DEFAULT 0, -- pinged once for the whole batch
    asked_at        INTEGER NOT NULL,
    PRIMARY KEY (subscription_id, user_id)
);
INSERT INTO "subscribers" VALUES(1,9,1,0,1700000000000);
INSERT INTO "subscribers" VALUES(2,9,1,0,1700000000000);
INSERT INTO "subscribers" VALUES(3,9,1,0,1700000000000);
INSERT INTO "subscribers" VALUES(4,9,1,0,1700000000000);
INSERT INTO "subscribers" VALUES(5,9,1,1,1700000120000);
INSERT INTO "subscribers" VALUES(6,9,1,1,1700000120000);
INSERT INTO "subscribers" VALUES(7,9,1,0,1700000180000);
INSERT INTO "subscribers" VALUES(8,9,1,0,1700000180000);
INSERT INTO "subscribers" VALUES(9,9,1,0,1700000180000);
INSERT INTO "subscribers" VALUES(10,9,1,0,1700000180000);
INSERT INTO "subscribers" VALUES(11,9,1,0,1700000180000);
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
    card_final  INTEGER NOT NULL DEFAULT 0, origin TEXT NOT NULL DEFAULT 'asked'
    CHECK (origin IN ('asked', 'followed', 'followed with card')),
    UNIQUE (job_id, channel_id)
);
INSERT INTO "subscriptions" VALUES(1,1,77,501,NULL,0,1700000000000,NULL,NULL,1700000000000,'progress',0,'asked');
INSERT INTO "subscriptions" VALUES(2,2,77,502,NULL,0,1700000000000,NULL,NULL,1700000000000,'no answer yet',0,'asked');
INSERT INTO "subscriptions" VALUES(3,3,77,503,NULL,0,1700000000000,1700000000000,NULL,0,'',0,'asked');
INSERT INTO "subscriptions" VALUES(4,4,77,504,NULL,0,1700000120000,1700000180000,NULL,0,'no answer yet',0,'asked');
INSERT INTO "subscriptions" VALUES(5,5,77,505,1,0,1700000120000,1700000120000,NULL,0,'',0,'asked');
INSERT INTO "subscriptions" VALUES(6,6,77,505,1,0,1700000120000,1700000180000,NULL,0,'',0,'asked');
INSERT INTO "subscriptions" VALUES(7,7,77,508,NULL,0,1700000180000,1700000180000,NULL,0,'',0,'asked');
INSERT INTO "subscriptions" VALUES(8,8,77,509,NULL,0,1700000180000,1700000180000,NULL,0,'',0,'asked');
INSERT INTO "subscriptions" VALUES(9,9,77,510,NULL,0,1700000180000,1700000180000,NULL,0,'',0,'asked');
INSERT INTO "subscriptions" VALUES(10,10,77,511,NULL,0,1700000180000,1700000180000,NULL,0,'',0,'asked');
INSERT INTO "subscriptions" VALUES(11,11,77,513,NULL,0,1700000180000,NULL,NULL,0,'',0,'asked');
INSERT INTO "subscriptions" VALUES(12,12,77,512,NULL,0,1700000180000,NULL,NULL,0,'',0,'asked');
CREATE INDEX servers_by_account ON servers (account_id);
CREATE INDEX jobs_open ON jobs (id) WHERE ended_at IS NULL;
CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX subscriptions_by_channel ON subscriptions (channel_id);
CREATE INDEX subscriptions_open_by_channel ON subscriptions (channel_id) WHERE ended_at IS NULL;
CREATE INDEX subscriptions_open_by_guild ON subscriptions (guild_id) WHERE ended_at IS NULL;
CREATE INDEX subscriptions_by_batch ON subscriptions (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX subscribers_by_user ON subscribers (user_id);
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE state IN ('waiting', 'sending');
CREATE INDEX deliveries_by_guild ON deliveries (guild_id, id);
CREATE INDEX deliveries_by_channel ON deliveries (channel_id) WHERE state IN ('waiting', 'sending');
CREATE INDEX deliveries_by_batch ON deliveries (batch_id) WHERE batch_id IS NOT NULL;
CREATE UNIQUE INDEX servers_by_callback ON servers (callback_hash) WHERE callback_hash IS NOT NULL;
CREATE INDEX follows_by_account ON follows (account_id);
CREATE INDEX follows_by_channel ON follows (channel_id);
CREATE INDEX deliveries_urgent ON deliveries (urgency, id, next_at, channel_id)
    WHERE state IN ('waiting', 'sending');
CREATE INDEX jobs_by_jobid ON jobs (jobid);
CREATE UNIQUE INDEX accounts_by_token ON accounts (token_hash, of_operator) WHERE token_hash IS NOT NULL;
CREATE INDEX accounts_by_key ON accounts (account_key);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('jobs',12);
INSERT INTO "sqlite_sequence" VALUES('subscriptions',12);
INSERT INTO "sqlite_sequence" VALUES('deliveries',18);
INSERT INTO "sqlite_sequence" VALUES('batches',1);
COMMIT;
PRAGMA application_id = 1350062713;
PRAGMA user_version = 3;
