"""Where the endpoints of a machine's services are reached."""
