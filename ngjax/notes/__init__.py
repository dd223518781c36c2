"""The ledger: every checkable claim of the notes, what is printed, what is right, what we compute."""
