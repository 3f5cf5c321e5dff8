"""The managed proxy: Debian's Caddy, told of routes and steered through a rollout."""
