"""Sequences of other things: numbers with long lags, films, rows of digits, letters of DNA."""
