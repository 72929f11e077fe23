"""Small data sets written for this project, and the training of real classifiers on them."""
