"""Section 03 (W, §5.1, Fig. 4): batch sizes and optimisers."""
