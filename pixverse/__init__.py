"""The PixVerse API: what a job is, how it is asked for, and what ids and tokens look like."""
