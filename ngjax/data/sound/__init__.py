"""Sound and music: waves, clips of several words, notes."""
