"""Numbers by seed from recorded runs, which figures draw and claims judge."""
