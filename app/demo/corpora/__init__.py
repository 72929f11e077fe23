"""One module per data set: the words, and how they are put together."""
