"""Attacks: ``python -m grokbook.torture`` (`make torture`) makes them and writes one record."""
