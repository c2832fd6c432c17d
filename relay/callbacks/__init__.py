"""What useapi.net posts to a server's address: hints, never facts."""
