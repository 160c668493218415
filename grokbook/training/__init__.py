"""How it learns: batches, AdamW with per-model settings, evaluation, the loop."""
