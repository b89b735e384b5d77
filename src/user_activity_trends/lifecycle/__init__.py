"""The life of a model: what it was made of, which one is in use, and how that changes."""
