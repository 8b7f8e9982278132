"""The visual language: how figures, tables and cards look and reach a page."""
