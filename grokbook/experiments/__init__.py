"""Experiments: their fields, and the named ones."""
