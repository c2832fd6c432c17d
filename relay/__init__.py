"""Decides when to ask the API about what, and what follows from its responses; knows no Discord."""
