"""Attacks: ``python -m grokbook.torture`` (`make torture`) runs them and writes a record."""
