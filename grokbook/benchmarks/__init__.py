"""Timings: ``python -m grokbook.benchmarks`` (`make bench`) measures them and writes a record."""
