"""Runs on disk: kept, read and verified."""
