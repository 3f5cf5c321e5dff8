"""One run over services: what it finds to do besides following images, and what does it."""
