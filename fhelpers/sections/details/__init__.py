"""Section 11: which detail of the set-up made the result."""
