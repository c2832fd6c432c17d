"""The PixVerse API: how jobs are requested and read, and what ids and tokens look like."""
