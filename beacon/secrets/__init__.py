"""Where the values of secrets are: encrypted files of the machine, or a user's own in Podman."""
