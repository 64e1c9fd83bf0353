"""`python -m fallline` is `fallline`."""

from fallline.cli import main

if __name__ == "__main__":
    main()
