"""The stores that endpoints are published to, and keeping them up to date."""
