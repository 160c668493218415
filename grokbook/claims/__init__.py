"""What the papers say: a registry of claims, as data."""
