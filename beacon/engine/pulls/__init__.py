"""How far pulls have come."""
