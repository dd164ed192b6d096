"""Check all rows of a project, and list the stored files that rows name."""
