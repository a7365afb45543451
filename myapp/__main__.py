"""``python -m myapp <task>``: the way in from a terminal."""

from myapp.mix.cli import main

if __name__ == "__main__":
    main()
