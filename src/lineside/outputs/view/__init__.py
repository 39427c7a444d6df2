"""What the cameras see now, for people: in a folder, in a video, or in a browser."""
