"""What the user holds: runs, evaluations, tables; objects with text, HTML and markdown faces."""
