"""One module for each noun; a view parses, asks permissions, calls one service and answers."""
