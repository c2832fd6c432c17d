"""Discord and PixVerse on this machine, to try the bot and to test it; the bot never imports it."""
