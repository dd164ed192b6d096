"""Make probability maps, proposals and evaluations with trained networks."""
