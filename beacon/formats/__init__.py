"""Texts in the formats of others: YAML, and templates of Jinja. Pure."""
