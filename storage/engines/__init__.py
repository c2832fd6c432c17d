"""The databases that the bot can use. No other package, and no other module of `storage`, imports a database's
driver."""
