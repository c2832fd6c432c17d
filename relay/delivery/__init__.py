"""The outbox: every message exactly once, whatever breaks."""
