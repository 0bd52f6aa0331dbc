"""What makes things that are committed: nothing of the app imports it."""
