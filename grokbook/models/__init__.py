"""What learns: one file an architecture; every parameter has a leading model axis M."""
