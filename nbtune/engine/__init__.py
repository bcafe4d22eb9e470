"""The training loop and what it needs: steps, schedules, checkpoints, prediction."""
