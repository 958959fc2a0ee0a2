"""A log small enough for a test: entries go in, the files of C2SP tlog-tiles come out, in a dict or in a folder."""

from collections.abc import Sequence
from pathlib import Path

from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.merkle import Frontier, consistency_proof, inclusion_proof, leaf_hash
from freehold.ledger.notes import COSIGNATURE_ED25519, COSIGNATURE_ML_DSA_44, ED25519, SignerKey, sign_note
from freehold.ledger.proof import Receipt, write_receipt
from freehold.ledger.tiles import HEIGHT, WIDTH, TileReader, bundles_of, encode_bundle, tiles_of

ORIGIN = "log.example/freehold"
TIME = 1_790_000_000
LOG = SignerKey(ORIGIN, ED25519, bytes(range(32)))
STRANGER = SignerKey("log.example/other", ED25519, bytes(range(1, 33)))
WITNESSES = (
    SignerKey("witness.example/w1", COSIGNATURE_ED25519, bytes(range(2, 34))),
    SignerKey("witness.example/w2", COSIGNATURE_ED25519, bytes(range(3, 35))),
    SignerKey("witness.example/w3", COSIGNATURE_ML_DSA_44, bytes(range(4, 36))),
)


def entries_of(count: int) -> list[bytes]:
    """Entries of different lengths, the first of them empty."""
    return [b'{"n":%d}' % number * (number % 7) for number in range(count)]


class Log:
    """The files of a log, as a dict from path to bytes."""

    def __init__(self, entries: Sequence[bytes], signers: Sequence[SignerKey] = (LOG,), origin: str = ORIGIN) -> None:
        self.entries = list(entries)
        self.files: dict[str, bytes] = {}
        self._grow(signers, origin)

    @property
    def size(self) -> int:
        return len(self.entries)

    @property
    def checkpoint(self) -> str:
        return self.files["checkpoint"].decode()

    def read(self, path: str) -> bytes:
        """What `TileReader` and `verify_log` read with."""
        try:
            return self.files[path]
        except KeyError:
            raise FileNotFoundError(path) from None

    def receipt(self, index: int, checkpoint: str | None = None, *, carried: bool = True) -> str:
        """The receipt of an entry, which it carries unless told otherwise."""
        proof = inclusion_proof(index, self.size, TileReader(self.read, self.size).hashes)
        extra = self.entries[index] if carried else None
        return write_receipt(Receipt(index, tuple(proof), checkpoint or self.checkpoint, extra))

    def consistency(self, old: int) -> list[bytes]:
        return consistency_proof(old, self.size, TileReader(self.read, self.size).hashes)

    def save(self, folder: Path) -> None:
        """Writes the files into a folder, ready to be served."""
        for path, data in self.files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)

    def _grow(self, signers: Sequence[SignerKey], origin: str) -> None:
        frontier = Frontier()
        nodes = [node for entry in self.entries for node in frontier.append(leaf_hash(entry))]
        stored = {(node.level, node.index): node.hash for node in nodes if node.level % HEIGHT == 0}
        for tile in tiles_of(self.size):
            first = tile.index * WIDTH
            hashes = [stored[tile.level * HEIGHT, at] for at in range(first, first + tile.width)]
            self.files[tile.path] = b"".join(hashes)
        for bundle in bundles_of(self.size):
            first = bundle.index * WIDTH
            self.files[bundle.path] = encode_bundle(self.entries[first : first + bundle.width])
        text = Checkpoint(origin, self.size, frontier.root()).text
        self.files["checkpoint"] = sign_note(text, signers, TIME).encode()
