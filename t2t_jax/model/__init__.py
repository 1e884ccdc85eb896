"""The model of the paper's section 3: pure functions of parameters."""
