"""Read a GGUF model file's header: architecture, tensors, sizes."""
