"""The scheduler in virtual time: the same object as on the line, on devices and streams that are described."""
