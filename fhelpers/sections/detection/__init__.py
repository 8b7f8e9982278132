"""Section 10 (W, §7, Fig. 8 and 9): a detector on filtered images."""
