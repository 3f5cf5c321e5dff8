"""The tables inside a definition as pydantic models; their descriptions become the JSON Schema."""
