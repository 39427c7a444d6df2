"""The kinds of live cameras, a file each; `capture/camera.py` says what a kind holds."""
