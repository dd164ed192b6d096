"""Training cases, lineage, leaks, the gate, and the contents of a round's pages."""
