"""Manifests to begin with, made of what others say of an app (pure)."""
