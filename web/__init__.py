"""The HTTP ports: callbacks, health and metrics."""
