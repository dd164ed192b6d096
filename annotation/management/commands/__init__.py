"""The commands of manage.py. People script against them; each calls services and reports."""
