"""What one sees: cards, tables and charts made from events and records."""
