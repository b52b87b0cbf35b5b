"""Music over HTTP: a stream for each listener, radio for all of them, and files, made while they are sent."""
