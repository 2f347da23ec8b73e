"""Find the llama.cpp settings that run a local GGUF model best on this machine."""

__version__ = "0.1.0"
