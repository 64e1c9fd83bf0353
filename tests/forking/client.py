"""Asks the server of this folder for a command; as a program, in the place of ``fallline``.

It imports nothing that is slow to import.
"""

import json
import os
import socket
import sys


def ask(
    server: str, folder: str, arguments: list[str], environment: dict[str, str],
    handles: list[int], **more: object,
) -> int:  # fmt: skip
    """The exit code of the command, negative for a signal."""
    case = {"folder": folder, "arguments": arguments, "environment": environment, **more}
    text = json.dumps(case).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(120)
        connection.connect(server)
        socket.send_fds(connection, [len(text).to_bytes(8, "little")], handles)
        connection.sendall(text)
        return int(connection.recv(20))


if __name__ == "__main__":
    found = ask(sys.argv[1], os.getcwd(), sys.argv[2:], dict(os.environ), [0, 1, 2])
    sys.exit(found if found >= 0 else 128 - found)
