"""One module a step.  Each may be carried out again after it broke off in the middle."""
