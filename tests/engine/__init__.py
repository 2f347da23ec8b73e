"""Claims about tunesmith.engine; llama.cpp runs in the process of the tests."""
