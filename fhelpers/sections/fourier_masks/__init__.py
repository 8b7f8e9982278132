"""Section 11 (K): the masks of five networks."""
