"""Many devices: which picture runs where and when, without threads, clock or I/O; and the same in virtual time."""
