"""What owners are told, and who is told it."""
