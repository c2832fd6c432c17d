"""The databases that the bot can use. No other room, and nothing else of this one, imports a database's driver."""
