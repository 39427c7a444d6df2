"""The version of lineside, where every room may read it; `lineside.__version__` is the same."""

VERSION = "0.1.0"
