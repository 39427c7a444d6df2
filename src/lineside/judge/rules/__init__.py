"""The kinds of rules, one file each. The file's name is the kind's name."""
