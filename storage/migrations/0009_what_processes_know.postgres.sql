-- Oldest code: 5

-- Since when the API has been down for this process, as the jobs that it polls show (milliseconds UTC); NULL: it responds.
ALTER TABLE processes ADD COLUMN api_down_since BIGINT;

-- Since when at least one process has been alive, up to this one's start (milliseconds UTC); NULL: not known.
ALTER TABLE processes ADD COLUMN bot_since BIGINT;

-- The process that polls a job has to know that another one did not find it: only two such responses in a row end it.
CREATE OR REPLACE TRIGGER changed
    AFTER INSERT OR DELETE OR UPDATE OF account_id, jobid, snapshot, missing_since, round, ended_at, outcome
    ON jobs FOR EACH ROW EXECUTE FUNCTION relay_note_change('job', 'id');
