"""Section 10 (W, §3.2, Corollary 1): accuracy against robustness."""
