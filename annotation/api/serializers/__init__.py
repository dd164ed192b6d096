"""The JSON shapes that the API takes and gives; an unlisted field neither enters nor leaves."""
