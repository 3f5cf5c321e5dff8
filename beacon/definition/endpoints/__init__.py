"""Domains and endpoints as definitions and images name them."""
