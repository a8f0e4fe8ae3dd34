"""One module for each verb: what happens, in order, without a word on how it is shown."""
