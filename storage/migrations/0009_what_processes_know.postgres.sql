-- Oldest code: 5

-- Since when the API has been down for this process, as the jobs that it polls show (milliseconds UTC); NULL: it responds.
ALTER TABLE processes ADD COLUMN api_down_since BIGINT;

-- Since when at least one process has been alive, up to this one's start (milliseconds UTC); NULL: not known.
ALTER TABLE processes ADD COLUMN bot_since BIGINT;
