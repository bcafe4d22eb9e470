"""Predictions become records: metrics, intervals, curves, baselines, a verdict."""
