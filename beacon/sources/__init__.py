"""Fetching further catalogs: bounded, over https, and by a process without rights."""
