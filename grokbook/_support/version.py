"""The package's version, also known to a copy without metadata."""

__version__ = "0.1.0"
