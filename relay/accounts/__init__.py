"""The API accounts: their tokens, which server uses which account, and whether the API accepts the tokens."""
