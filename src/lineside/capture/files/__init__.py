"""Cameras whose pictures are files: a folder that fills up, pictures and videos that are played."""
