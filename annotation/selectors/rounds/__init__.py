"""Training cases, lineage, leaks, the gate, and what pages show of a round."""
