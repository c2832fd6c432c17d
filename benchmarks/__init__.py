"""Measures how fast, frugal and large the bot is. Each figure is measured together with its yardstick, in one run on
one machine."""
