"""Plan a round, record what the learning side did, and decide which round serves."""
