"""Numbers by seed computed from recorded runs; drawn by figures, judged by claims."""
