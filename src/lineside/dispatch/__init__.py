"""Many devices: which picture runs where and when, decided without threads, clock or I/O; the same in virtual time; and the workers."""
