"""Section 04 (W, §5.1, Fig. 4 and 5): batch sizes, training heuristics and optimisers."""
