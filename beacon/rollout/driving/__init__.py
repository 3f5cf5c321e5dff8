"""One rollout from its plan to its end."""
