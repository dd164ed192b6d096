"""Pages of rounds: progress, plan and report."""
