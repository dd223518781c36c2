"""The formulas of the notes as pure functions: no training, no topic."""
