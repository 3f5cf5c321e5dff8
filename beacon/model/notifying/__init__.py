"""What owners are notified, and who is."""
