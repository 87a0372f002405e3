"""Timings: ``python -m benchmarks`` (`make bench`) runs them all and writes one record of them."""
