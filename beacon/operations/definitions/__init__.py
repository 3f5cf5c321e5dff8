"""Definitions: read, judged, planned, added, shown, rendered and removed."""
