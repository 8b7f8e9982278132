"""Section 15 (K): the masks of five networks."""
