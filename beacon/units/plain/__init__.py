"""Units that Beacon writes as they are, without Quadlet: services where there is none, and jobs."""
