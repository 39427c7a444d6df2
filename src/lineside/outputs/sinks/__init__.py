"""Where results go, off the verdict path: a file each kind; `outputs/parcel.py` says what a kind holds."""
