"""What crosses between the web side and the learning side, as typed records. No torch."""
