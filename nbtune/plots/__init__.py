"""Records and histories become matplotlib figures; one figure one file, never pyplot."""
