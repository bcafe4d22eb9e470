"""Why a model says what it says: attributions, and what its attention looks at."""
