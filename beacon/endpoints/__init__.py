"""Where the endpoints of a machine's services are reached, and telling that to those who route requests."""
