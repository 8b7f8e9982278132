"""Section 16: which detail of the set-up made the result."""
