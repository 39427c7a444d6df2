"""Kinds of digital outputs: one file each, and the file's name is the kind."""
