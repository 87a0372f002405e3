"""The package's version, known where it was copied without its metadata too."""

__version__ = "0.1.0"
