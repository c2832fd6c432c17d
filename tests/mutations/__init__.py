"""Does a test notice? A small fault is built into a copy of the tree, and a named test or check must then fail."""
