"""The API accounts: their tokens, which server uses which, and how the API takes them."""
