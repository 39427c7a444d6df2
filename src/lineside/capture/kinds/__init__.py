"""The kinds of sources, one file each.

A kind's file holds `claims(argument)`, true for the arguments that are its own, and
`open_sources(argument, reading)`, which returns the sources that the argument names. No two kinds claim the
same argument.
"""
