"""What can be wrong with labelled texts: one check a file, one pass over the rows for all."""
