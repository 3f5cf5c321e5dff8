"""The managed proxy: Debian's Caddy, given routes and steered through a rollout."""
