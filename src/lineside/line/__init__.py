"""The run loop: parts are triggered, seen by every camera, judged by their deadline and answered exactly once."""
