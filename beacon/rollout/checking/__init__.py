"""What is new: the registries asked, candidates made of what they say, and the journal told."""
