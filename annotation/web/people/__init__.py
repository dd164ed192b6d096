"""Pages of accounts: signing in and API tokens."""
