"""Plain values out of a foreign pickle file, read without running it.

A pickle is a program. Here its instructions are only listed, by `pickletools`, and those that build strings, numbers,
lists, tuples and dictionaries are followed by hand; whatever names a class or calls something becomes an `Opaque`.
"""

import pickletools
from pathlib import Path
from typing import Any

LARGEST = 1 << 26  # bytes; the files that this is for have less than one MB
CALLS = {"STACK_GLOBAL": 2, "REDUCE": 2, "NEWOBJ": 2, "NEWOBJ_EX": 3, "BINPERSID": 1}
NAMES = {"GLOBAL", "PERSID", "EXT1", "EXT2", "EXT4"}
NOTHING = {"PROTO", "FRAME", "STOP"}
MAKES = {"DICT": dict, "LIST": list, "TUPLE": tuple, "FROZENSET": frozenset}
EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_SET": set}


class Opaque:
    """Something that only running the pickle could make; it was not made."""


class Reader:
    """A stack machine that knows data and no calls."""

    def __init__(self):
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def follow(self, name: str, argument: Any) -> None:
        """Do one instruction.

        Raises:
            ValueError: an instruction that is not known here.
        """
        if name in NOTHING:
            return
        if name in NAMES:
            self.stack.append(Opaque())
        elif name in CALLS:
            self.take(CALLS[name])
            self.stack.append(Opaque())
        elif name in ("INST", "OBJ"):
            self.since_mark()
            self.stack.append(Opaque())
        elif name == "BUILD":
            self.take(1)  # the state of an object; what it belongs to is opaque
        elif name == "MARK":
            self.marks.append(len(self.stack))
        elif name in EMPTY:
            self.stack.append(EMPTY[name]())
        elif name in MAKES:
            self.stack.append(made(name, self.since_mark()))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            self.stack.append(tuple(self.take(int(name[-1]))))
        elif name in ("SETITEM", "SETITEMS"):
            self.fill(paired(self.take(2) if name == "SETITEM" else self.since_mark()))
        elif name in ("APPEND", "APPENDS", "ADDITEMS"):
            self.fill(self.take(1) if name == "APPEND" else self.since_mark())
        elif not self.remember(name, argument):
            self.push(name, argument)

    def remember(self, name: str, argument: Any) -> bool:
        """Do an instruction that reads or writes the memo or drops something; say whether it was one."""
        if name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[int(argument)] = self.stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[int(argument)])
        elif name == "POP":
            self.take(1)
        elif name == "POP_MARK":
            self.since_mark()
        elif name == "DUP":
            self.stack.append(self.stack[-1])
        else:
            return False
        return True

    def push(self, name: str, argument: Any) -> None:
        """Do an instruction that brings a value along."""
        constants = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
        if name not in constants and not isinstance(
            argument, str | bytes | bytearray | int | float
        ):
            raise ValueError(f"instruction {name}")
        self.stack.append(constants.get(name, argument))

    def fill(self, values: list) -> None:
        """Put values into the container on top."""
        top = self.stack[-1]
        if isinstance(top, dict | set):
            top.update(values)
        elif isinstance(top, list):
            top.extend(values)

    def take(self, count: int) -> list:
        taken = self.stack[-count:]
        if len(taken) < count:
            raise IndexError("the stack is empty")
        del self.stack[-count:]
        return taken

    def since_mark(self) -> list:
        start = self.marks.pop()
        taken = self.stack[start:]
        del self.stack[start:]
        return taken


def paired(values: list) -> list[tuple]:
    return list(zip(values[::2], values[1::2], strict=True))


def made(name: str, values: list) -> Any:
    return MAKES[name](paired(values) if name == "DICT" else values)


def read_literals(path: Path) -> Any:
    """Read a pickle file as far as it is plain data.

    Raises:
        ValueError: too large, damaged, or with instructions that plain data do not need.
    """
    if (size := path.stat().st_size) > LARGEST:
        raise ValueError(f"{path}: {size} bytes, expected at most {LARGEST}; it is not read")
    reader = Reader()
    try:
        for operation, argument, _ in pickletools.genops(path.read_bytes()):
            reader.follow(operation.name, argument)
        (found,) = reader.stack
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise ValueError(
            f"{path}: not a pickle of plain data, or a damaged one ({error}); give the vocabulary as JSON instead"
        ) from error
    return found
