"""Anyone's photographs and films through a model: what is no pixel of theirs is kept, too."""
