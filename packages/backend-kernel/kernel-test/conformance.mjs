// The conformance suite on the kernel backend.
