"""The only way to the learning side: start child processes and record what they leave."""
