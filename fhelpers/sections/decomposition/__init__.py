"""Section 01 (W, §3.1, Fig. 2): an image is the sum of its low and its high part."""
