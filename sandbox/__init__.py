"""A simulated Discord and PixVerse for demos and tests; the bot never imports it."""
