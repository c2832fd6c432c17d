"""Cards and summaries: what they show, and when they are edited."""
