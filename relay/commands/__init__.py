"""What people ask for, with commands and buttons."""
