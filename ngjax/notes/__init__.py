"""The ledger: every checkable claim of the notes, what is right, and what the library computes."""
