"""Section 02 (W, §4.2, Fig. 3 and Table 1): true and shuffled labels, one band at a time."""
