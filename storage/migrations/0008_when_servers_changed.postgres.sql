-- Oldest code: 5

-- When the server last began to use another account, and when the bot last came back to it (milliseconds UTC). They tell
-- why a result is late.
ALTER TABLE servers ADD COLUMN account_since BIGINT;
ALTER TABLE servers ADD COLUMN back_at BIGINT;
