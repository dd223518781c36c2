"""One file a framework; each is run as a process of its own."""
