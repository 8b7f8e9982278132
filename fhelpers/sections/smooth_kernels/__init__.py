"""Section 07 (W, §6.1 and §6.2, Fig. 7): first-layer kernels."""
