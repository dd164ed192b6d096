"""Schema history; additive only."""
