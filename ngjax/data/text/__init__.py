"""Text: sets, dictionaries, sentences, tags, translations, and windows of a long text."""
