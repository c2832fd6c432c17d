-- Oldest code: 5

-- Nothing changes: with SQLite there is only one process.
