"""``python -m grokbook`` is the command ``grokbook``."""

from grokbook.cli.main import main

if __name__ == "__main__":
    main()
