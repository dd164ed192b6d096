"""Every non-trivial read; bounded queries only."""
