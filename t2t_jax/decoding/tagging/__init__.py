"""Labels of words and lines, by an encoder alone."""
