"""What a run leaves behind: metrics, figures, summary, one page, the words on the terminal."""
