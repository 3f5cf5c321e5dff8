"""Replacing the live release of a service by a candidate, and putting it back when the candidate is bad."""
