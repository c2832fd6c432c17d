"""Several real bot processes with one Discord and one PixVerse."""
