"""Every experiment, declared: a grid of runs and how far they are trained."""
