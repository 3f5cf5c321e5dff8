"""The small languages of a definition: text → value."""
