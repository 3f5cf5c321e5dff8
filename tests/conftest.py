"""What all tests share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# On a busy machine the generation of examples may be slow; that says nothing of Beacon.
settings.register_profile("beacon", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("few", settings.get_profile("beacon"), max_examples=20)
settings.load_profile("beacon")
