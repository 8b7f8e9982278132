"""Section 09 (W, §6.3, Table 2): smoothing as a defence."""
