"""Section 18 (K): masks on five classes of ImageNet in grey, whose images have 64 pixels a side."""
