"""Apps: manifests, and the ordinary definitions that they become (pure)."""
