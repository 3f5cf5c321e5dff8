"""Definitions before anything is begun: read, judged together, and refused if the machine cannot do it."""
