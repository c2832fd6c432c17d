"""The HTTP port: callbacks, health, metrics."""
