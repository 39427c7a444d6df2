"""The routing policies, one file each."""
