"""Rows become examples: read, cleaned, checked, split, tokenised, batched."""
