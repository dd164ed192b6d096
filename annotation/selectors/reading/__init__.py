"""What readers are shown, and what waits for them."""
