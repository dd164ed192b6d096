"""Train one ensemble member, resumable at any step."""
