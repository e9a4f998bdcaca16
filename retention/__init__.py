"""The only code that may destroy footage; see README.md. A pass is built; nothing makes one yet."""
