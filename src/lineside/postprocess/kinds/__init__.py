"""The kinds of NMS, one file each. The file's name is the kind's name."""
