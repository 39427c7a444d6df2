"""Frame sources: picture files, folders and videos, one file each."""
