"""The one engine: whatever is a Task, on however many devices, stopped and resumed at will."""
