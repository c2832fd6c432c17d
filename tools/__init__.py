"""What maintainers run: environments, lock files, translations."""
