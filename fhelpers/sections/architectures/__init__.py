"""Section 04 (W, §5.1): kinds of network."""
