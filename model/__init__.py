"""Values and enums that more than one package uses. It imports no other package."""
