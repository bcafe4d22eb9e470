"""Baselines for words with a tag each."""
