"""Own what the comparison of ways to choose a quantization is made of."""
