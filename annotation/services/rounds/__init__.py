"""Plan a round, record the results of the learning side, and decide which round serves."""
