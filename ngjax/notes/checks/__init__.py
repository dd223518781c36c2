"""What the library computes of the ledger: one file a chapter's part, each a mapping `CHECKS`."""
