"""Whether a picture can be judged at all, before any model sees it: measures, what is usual for a camera, and the gate."""
