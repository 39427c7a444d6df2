"""The picture formats that are read, one file each.

A format's file holds `matches(head)`, true for the first `HEAD_BYTES` bytes of its files, and
`check(data, name)`, which returns the `Header` of a complete file and raises for any other. OpenCV decodes
what has passed.
"""
