"""What others describe (compose files, docker run, running containers) → definitions, and a report.

Importing this package is cheap: YAML is read by beacon.importing.compose alone.
"""
