"""Section 08 (W, §6.1 and §6.2, Fig. 7): first-layer kernels."""
