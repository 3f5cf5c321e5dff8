"""From what runs to what routers are told, in the form that each of them reads. Pure."""
