"""One file per outside format; no ORM in here."""
