"""The commands of manage.py, and the code that several commands share."""
