"""People: sets of faces, split by person, and points of a face."""
