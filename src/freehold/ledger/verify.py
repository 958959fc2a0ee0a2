"""Checking what a log says, without believing it: one receipt, or a whole log. No network, no clock, no state.

It knows files only through `read(path)`, and trusts only the keys that it is given. It exists so that the answer to "was
this entry changed?" does not depend on whoever runs the log. Both checks return what they proved, and what they left
unproven, or raise an error of freehold.errors that names what is wrong. There is no third outcome.

`verify_receipt`, step by step; the numbers stand in the code:

1. read the receipt
2. open its checkpoint: a trusted key of the log signed it, no trusted key's signature is wrong, the origin is the log's
3. the witnesses that vouch for it make the quorum of the policy
4. hash the entry: the one expected, or the one that the receipt carries
5. follow the inclusion proof from that hash to the signed root
6. say what this proves, and what it does not

`verify_log`, step by step:

1. open the checkpoint, as above: signature, origin, quorum
2. open every older checkpoint: signed by the log, and none larger than the log is now, or of its size with another root
3. the newest entries that the checkpoint signs are there
4. compute the root that the tiles lead to
5. go through all entries in order: compare each hash with its tile, and each tile with the tile above
6. compare the roots of the entries and of the tiles with the signed one, and name what was changed
7. compare the roots that the tree had at each older size with the older checkpoints
8. say what this proves, and what it does not
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NoReturn

import msgspec

from freehold.errors import (
    EntriesSwapped,
    EntryChanged,
    ForkedHistory,
    MalformedReceipt,
    RolledBack,
    RootMismatch,
    TailRemoved,
    TileChanged,
    TileMissing,
    UnknownSigner,
    WrongOrigin,
)
from freehold.ledger.checkpoints import Checkpoint, parse_checkpoint
from freehold.ledger.merkle import EMPTY_ROOT, Frontier, Node, check_inclusion, leaf_hash
from freehold.ledger.merkle import root as root_of
from freehold.ledger.notes import COSIGNATURE_ED25519, ED25519, VerifierKey, open_note
from freehold.ledger.policy import Policy
from freehold.ledger.proof import parse_receipt
from freehold.ledger.tiles import CHECKPOINT, HEIGHT, WIDTH, Read, TileReader, bundle_at, tile_at

MAX_FINDINGS: Final = 4096
"""Differences that are remembered, to tell swapped entries from changed ones; beyond that it does not matter."""

NO_WITNESS: Final = (
    "No witness vouches for this checkpoint: whoever holds the log's key can still have shown another history to others, "
    "and can have written this one at any time."
)
ONE_ENTRY: Final = "A receipt proves its own entry and nothing about any other; `verify_log` checks them all."
NO_OLDER: Final = (
    "No older checkpoint was given: entries that were taken out together with the checkpoint that signed them "
    "leave no mark."
)
EXTENSION: Final = "The checkpoint's extension lines are not covered by any signature that was checked."

Progress = Callable[[int, int], None]
"""`progress(done, total)`, in entries."""


class Cosigner(msgspec.Struct, frozen=True):
    """A witness that vouches, and since when: seconds since 1970 by its own clock, 0 if it does not say."""

    name: str
    time: int


class Opened(msgspec.Struct, frozen=True):
    """A checkpoint that can be believed, who signed it for the log, and which known witnesses vouch for it."""

    checkpoint: Checkpoint
    signers: tuple[str, ...]
    witnesses: tuple[Cosigner, ...]
    unproven: tuple[str, ...]


class ReceiptProof(msgspec.Struct, frozen=True):
    """What a receipt proved: that `entry` stands at `index` of the log. `unproven` are sentences for a person."""

    opened: Opened
    index: int
    entry: bytes
    unproven: tuple[str, ...]


class LogProof(msgspec.Struct, frozen=True):
    """What was proved of a whole log: every entry is as signed, and `older` checkpoints are its beginnings."""

    opened: Opened
    older: int
    unproven: tuple[str, ...]


def verify_receipt(
    receipt: bytes | str,
    log_keys: Sequence[VerifierKey],
    policy: Policy | None = None,
    *,
    entry: bytes | None = None,
    origin: str | None = None,
) -> ReceiptProof:
    """Checks a receipt, from its text alone, against keys got by another way, and says what it proves.

    `log_keys` are the log's, for example `policy.log_keys`, which is not trusted by itself. `policy` names witnesses and
    quorum; None asks for none. `entry` is what must be in the log; without it, the entry that the receipt carries in its
    `extra` line. `origin` is the log's; without it, the name of the key that signed.

    Raises MalformedReceipt, MalformedNote, MalformedCheckpoint, UnknownSigner, BadSignature, WrongOrigin, TooFewWitnesses,
    NotIncluded. Follows C2SP tlog-proof, "Verifying a tlog proof".
    """
    # 1. the receipt
    parts = parse_receipt(receipt)
    # 2. and 3. its checkpoint, and who vouches for it
    opened = open_checkpoint(parts.checkpoint, log_keys, policy, origin=origin)
    # 4. the entry
    proven = parts.extra if entry is None else entry
    if proven is None:
        raise MalformedReceipt(
            "The receipt carries no entry, and none was given to look for.", "Give the entry to check."
        )
    # 5. the proof
    head = opened.checkpoint
    check_inclusion(leaf_hash(proven), parts.index, head.size, parts.proof, head.root)
    # 6. what it is worth
    return ReceiptProof(opened, parts.index, proven, (ONE_ENTRY, *opened.unproven))


def verify_log(
    read: Read,
    log_keys: Sequence[VerifierKey],
    policy: Policy | None = None,
    *,
    older: Iterable[bytes | str] = (),
    origin: str | None = None,
    progress: Progress | None = None,
) -> LogProof:
    """Checks every entry, bundle and tile of a log against its checkpoint, in constant memory, and says what it proves.

    `older` are checkpoints of this log, as signed notes, that were kept from before. The rest is as in `verify_receipt`.

    Raises, besides what opening a checkpoint raises: RolledBack, ForkedHistory, TailRemoved, TileMissing, MalformedTile,
    TileChanged, EntryChanged, EntriesSwapped, RootMismatch.
    """
    # 1. the checkpoint
    try:
        note = read(CHECKPOINT)
    except FileNotFoundError:
        raise TileMissing("The log has no checkpoint.") from None
    opened = open_checkpoint(note, log_keys, policy, origin=origin)
    head = opened.checkpoint
    # 2. older checkpoints
    kept = [_open_older(text, head, log_keys) for text in older]
    # 3. the newest entries
    reader = TileReader(read, head.size)
    _check_tail(reader)
    # 4. the tiles' root
    tiles_root = root_of(head.size, reader.hashes)
    # 5. every entry and every tile
    walk = _walk(reader, {checkpoint.size for checkpoint in kept}, progress)
    # 6. the signed root
    _check_roots(head, tiles_root, walk)
    # 7. the older roots
    for checkpoint in kept:
        if walk.roots[checkpoint.size] != checkpoint.root:
            raise ForkedHistory(
                f"The log signed {checkpoint.size} entries before, and they are not the first {checkpoint.size} of the "
                f"{head.size} that it signs now.",
            )
    # 8. what it is worth
    return LogProof(opened, len(kept), opened.unproven if kept else (NO_OLDER, *opened.unproven))


def open_checkpoint(
    note: bytes | str,
    log_keys: Sequence[VerifierKey],
    policy: Policy | None = None,
    *,
    origin: str | None = None,
) -> Opened:
    """A checkpoint that a trusted key of the log signed and for which enough witnesses vouch.

    Raises MalformedNote, MalformedCheckpoint, AmbiguousKey, UnknownSigner, BadSignature, WrongOrigin, TooFewWitnesses.
    """
    policy = policy or Policy()
    opened = open_note(note, (*log_keys, *policy.witness_keys))
    own = [verified for verified in opened.verified if verified.key in log_keys]
    if not own:
        raise UnknownSigner("Witnesses signed the checkpoint, and no trusted key of the log did.")
    checkpoint = parse_checkpoint(opened.text)
    named = [verified for verified in own if checkpoint.origin == (origin or verified.key.name)]
    if not named:
        expected = origin or own[0].key.name
        raise WrongOrigin(f"The checkpoint is of the log {checkpoint.origin!r}, and {expected!r} was expected.")
    # A log does not vouch for itself, whatever the policy says.
    publics = {key.public for key in log_keys}
    others = [v for v in opened.verified if v.key in policy.witness_keys and v.key.public not in publics]
    policy.check_quorum(verified.key for verified in others)
    unproven = () if others else (NO_WITNESS,)
    if checkpoint.extension and all(not _covers_text(verified.key) for verified in opened.verified):
        unproven += (EXTENSION,)
    witnesses = tuple(Cosigner(verified.key.name, verified.time or 0) for verified in others)
    return Opened(checkpoint, tuple(verified.key.name for verified in named), witnesses, unproven)


# --- checkpoints ---


def _covers_text(key: VerifierKey) -> bool:
    return key.algorithm in (ED25519, COSIGNATURE_ED25519)


def _open_older(note: bytes | str, head: Checkpoint, log_keys: Sequence[VerifierKey]) -> Checkpoint:
    """Witnesses are not asked for: that the log signed it is enough to hold the log to it."""
    older = open_checkpoint(note, log_keys, origin=head.origin).checkpoint
    if older.size > head.size:
        raise RolledBack(f"The log signed {older.size} entries before, and now shows {head.size}.")
    if older.size == head.size and older.root != head.root:
        raise ForkedHistory(f"The log signed two different histories of {head.size} entries.")
    return older


# --- going through the log ---


class _Walk(msgspec.Struct):
    """What the entries alone say: the root, its earlier values that were asked for, and where the files disagree."""

    root: bytes
    roots: dict[int, bytes]
    findings: list[tuple[Node, bytes]]
    count: int = 0


def _check_tail(reader: TileReader) -> None:
    if not reader.size:
        return
    last = reader.size - 1
    try:
        reader.entries(last // WIDTH)
    except TileMissing as error:
        raise TailRemoved(
            f"The checkpoint signs {reader.size} entries, and entry {last}, the last, is not there: {error.sentence}",
        ) from None


def _walk(reader: TileReader, sizes: set[int], progress: Progress | None) -> _Walk:
    frontier = Frontier()
    walk = _Walk(EMPTY_ROOT, {0: EMPTY_ROOT}, [])
    for index in range(-(-reader.size // WIDTH)):
        for entry in reader.entries(index):
            for node in frontier.append(leaf_hash(entry)):
                if not node.level % HEIGHT:
                    _compare(walk, node, reader.hashes(node.level, node.index))
            if frontier.size in sizes:
                walk.roots[frontier.size] = frontier.root()
        if progress is not None:
            progress(frontier.size, reader.size)
    walk.root = frontier.root()
    return walk


def _compare(walk: _Walk, node: Node, stored: bytes) -> None:
    if node.hash != stored:
        walk.count += 1
        if len(walk.findings) < MAX_FINDINGS:
            walk.findings.append((node, stored))


# --- naming what was changed ---


def _check_roots(head: Checkpoint, tiles_root: bytes, walk: _Walk) -> None:
    """The entries and the tiles lead to a root each. Which of the two is the signed one says which of them was changed."""
    if walk.root == head.root:
        if walk.findings:
            _name_tile(head.size, walk.findings[0][0])
        return
    if tiles_root != head.root:
        raise RootMismatch(
            f"The {head.size} entries lead to another root than the signed one, and so do the tiles: "
            "history was rewritten after it was signed, or the checkpoint is not of this log.",
        )
    _name_entries(head.size, walk)


def _name_tile(size: int, node: Node) -> NoReturn:
    tile = tile_at(size, node.level // HEIGHT, node.index // WIDTH)
    raise TileChanged(f"{tile.path}: its hash {node.index % WIDTH} is not that of the entries, which are as signed.")


def _name_entries(size: int, walk: _Walk) -> NoReturn:
    leaves = [(node, stored) for node, stored in walk.findings if not node.level]
    if not leaves:
        # Entry and tile agree, and the tile above, which is as signed, does not agree with them.
        node = walk.findings[0][0]
        first = node.index << node.level
        raise EntryChanged(
            f"An entry from {first} to {first + (1 << node.level) - 1} was changed, and its tile was made to fit.",
        )
    places = ", ".join(str(node.index) for node, _ in leaves[:4])
    if walk.count <= MAX_FINDINGS and Counter(node.hash for node, _ in leaves) == Counter(
        stored for _, stored in leaves
    ):
        raise EntriesSwapped(f"{len(leaves)} entries stand in each other's place, among them {places}.")
    index = leaves[0][0].index
    more = f", and {len(leaves) - 1} more" if len(leaves) > 1 else ""
    raise EntryChanged(
        f"Entry {index}, in {bundle_at(size, index // WIDTH).path}, is not the one that was signed{more}."
    )
