"""The ledger: an append-only, signed log whose proofs anyone can check with tools that are not ours."""
