"""One paper, one file: networks that return (logits, named activations)."""
