"""From what runs to what routers get, in the form that each of them reads. Pure."""
