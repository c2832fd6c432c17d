"""The sandbox's own video and the script that drew it."""
