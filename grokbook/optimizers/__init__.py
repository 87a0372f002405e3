"""Optimisers: their settings and their steps."""
