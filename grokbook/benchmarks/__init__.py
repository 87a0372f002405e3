"""Timings: ``python -m grokbook.benchmarks`` (`make bench`) takes them and writes one record."""
