"""Where else than in its tables it may be said which domains a service has."""

from __future__ import annotations

VARIABLE = "BEACHHEAD_DOMAINS"
"""The image's variable; beachhead-companion's."""
LABEL = "io.beacon.endpoints"
AUTO = "auto"
"""Written in the place of a domain, it asks for one that nobody has to think of."""
