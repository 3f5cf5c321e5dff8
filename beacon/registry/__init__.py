"""The client of OCI registries: digests, images, tags, logins and limits (OCI distribution specification)."""
