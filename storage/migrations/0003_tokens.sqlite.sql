-- Oldest code: 3

-- One row of `accounts` is one token, to the byte. Who could have entered the token of a row of before is known only
-- where one server alone ever used it; any other token is deleted, and the servers that used it are asked to set it
-- again (the bot does that at its start). The operator's token is in the settings.

PRAGMA defer_foreign_keys = ON;

CREATE TABLE accounts_before AS SELECT *,
    id IS (SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM meta WHERE name = 'operator_account') AS of_operator
FROM accounts;
DROP TABLE accounts;

CREATE TABLE accounts (
    id          INTEGER PRIMARY KEY,
    account_key TEXT    NOT NULL,       -- `user:<n>` as the token's own text claims, else the token's keyed hash
    token       BLOB,                   -- encrypted; NULL once nobody uses it, or where it has to be entered again
    token_hash  TEXT,                   -- keyed; NULL where no token is kept
    of_operator INTEGER NOT NULL DEFAULT 0, -- from the settings; never a server's own
    confirmed   INTEGER NOT NULL DEFAULT 0, -- the API named the user that the token's text claims
    state       TEXT    NOT NULL DEFAULT 'ok' CHECK (state IN ('ok', 'refused', 'unpaid', 'missing')),
    state_since INTEGER NOT NULL,
    tried_at    INTEGER                 -- when the API last responded to this token
);
CREATE UNIQUE INDEX accounts_by_token ON accounts (token_hash, of_operator) WHERE token_hash IS NOT NULL;
CREATE INDEX accounts_by_key ON accounts (account_key);

INSERT INTO accounts (id, account_key, token, of_operator, state, state_since, tried_at)
SELECT id, account_key,
    CASE WHEN NOT of_operator
        AND (SELECT count(*) FROM servers v WHERE v.account_id = b.id) = 1
        AND NOT EXISTS (SELECT 1 FROM jobs j JOIN subscriptions s ON s.job_id = j.id WHERE j.account_id = b.id
            AND s.guild_id <> (SELECT v.guild_id FROM servers v WHERE v.account_id = b.id))
        AND NOT EXISTS (SELECT 1 FROM follows f WHERE f.account_id = b.id
            AND f.guild_id <> (SELECT v.guild_id FROM servers v WHERE v.account_id = b.id))
    THEN token END,
    of_operator, state, state_since, tried_at
FROM accounts_before b;
DROP TABLE accounts_before;

-- A server that set a token of the operator's account gets a row that is not the operator's.
INSERT INTO accounts (account_key, state_since) SELECT account_key, state_since FROM accounts
WHERE of_operator AND EXISTS (SELECT 1 FROM servers v WHERE v.account_id = accounts.id);
UPDATE servers SET account_id = (SELECT n.id FROM accounts n JOIN accounts o ON o.account_key = n.account_key
    WHERE o.id = servers.account_id AND NOT n.of_operator)
WHERE account_id IN (SELECT id FROM accounts WHERE of_operator);
