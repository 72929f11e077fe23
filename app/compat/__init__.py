"""The requests and answers of the originals' own servers, so that their callers need change only the host."""
