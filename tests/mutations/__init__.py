"""Builds a small fault into a copy of the tree, and checks that a named test or check then fails."""
