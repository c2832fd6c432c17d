"""The outbox: delivers every message exactly once, whatever breaks."""
