"""Commands people script against; each a thin shell over services."""
