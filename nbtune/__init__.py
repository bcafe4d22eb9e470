"""Fine-tune, judge and use language models inside a notebook."""
