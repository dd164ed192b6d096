"""Every write: keyword-only functions, one short transaction each."""
