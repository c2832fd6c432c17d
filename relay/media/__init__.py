"""A job's videos on the local disk, within bounds."""
