"""The only way to the learning side: start child processes and record their results."""
