"""Section 13 (W, §7, Fig. 8 and 9): a detector on filtered images."""
