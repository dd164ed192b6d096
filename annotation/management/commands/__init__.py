"""The commands of manage.py. Scripts rely on their options, JSON and exit codes."""
