"""Every figure of the book: data in, matplotlib Figure out."""
