"""Behavioural segments of user sessions: found, named, trusted and kept up to date."""

__version__ = "0.1.0"
