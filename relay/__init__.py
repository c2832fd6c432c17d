"""Decides when to request what from the API, and acts on its responses. Independent of Discord."""
