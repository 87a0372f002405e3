"""What is trained: an experiment's fields, and the named experiments."""
