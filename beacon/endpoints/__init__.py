"""Where the endpoints of a machine's services are reached, and how those who route requests know."""
