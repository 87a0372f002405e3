"""The page's own engine: C compiled to WebAssembly, and a host for it outside a browser."""
