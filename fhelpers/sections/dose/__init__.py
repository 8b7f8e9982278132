"""Section 12: whether the results depend on how much data there is."""
