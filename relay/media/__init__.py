"""A job's videos on this machine's disk, within bounds."""
