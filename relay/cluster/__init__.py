"""Divides the work among several processes that share a database, and follows what the others change."""
