"""Data sets: what is learned, and its split."""
