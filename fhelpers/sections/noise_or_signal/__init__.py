"""Section 14 (W, §8): singular values in place of frequencies."""
