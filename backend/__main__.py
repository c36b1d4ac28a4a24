"""The entry point of the `normalcy` command and of `python -m backend`."""

from backend.cli import cli


def main() -> None:
    """Run the command with the arguments of the process."""
    cli.main(prog_name="normalcy")


if __name__ == "__main__":
    main()
