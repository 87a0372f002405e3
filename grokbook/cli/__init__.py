"""The command ``grokbook``."""
