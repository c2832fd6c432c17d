"""Does a test notice? Small faults are built into copies of the tree, and a named test or check must then fail."""
