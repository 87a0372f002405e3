"""Helpers that every room uses: checks, errors, atomic files, random streams, provenance."""
