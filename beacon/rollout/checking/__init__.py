"""What is new: the registries asked, candidates made of what they say, and what is logged of it."""
