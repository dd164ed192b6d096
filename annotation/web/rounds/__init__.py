"""The pages for rounds: progress, plan and report."""
