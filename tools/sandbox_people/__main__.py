"""Write the sandbox's synthetic people. The result is always the same.

Needs the packages in requirements.txt of this folder: `pip install --require-hashes -r` it.
"""

from pathlib import Path

from tools.sandbox_people.library import library, write_library

PEOPLE = Path(__file__).parents[2] / "smartapp" / "sandbox" / "fhir" / "people"


def main() -> None:
    files = library()
    changed = write_library(PEOPLE, files)
    print(f"{len(changed)} of {len(files)} files changed.")


if __name__ == "__main__":
    main()
