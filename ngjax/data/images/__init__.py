"""Pictures: files, sets, composed scenes, and how a training picture may differ."""
