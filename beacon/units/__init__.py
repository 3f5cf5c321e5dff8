"""From a service and its release to unit files; pure."""
