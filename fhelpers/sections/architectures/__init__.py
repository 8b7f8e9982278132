"""Section 05 (W, §5.1): kinds of network."""
