"""Trust policies: the format as specified, quorums counted as written, and errors that name the line."""

import pytest

from freehold.errors import MalformedPolicy, TooFewWitnesses
from freehold.ledger.notes import COSIGNATURE_ED25519, ED25519, SignerKey, VerifierKey
from freehold.ledger.policy import Group, Policy, Trusted, parse_policy

LOG = SignerKey("log.example/one", ED25519, bytes(32)).verifier
KEYS = [SignerKey(f"w.example/{number}", COSIGNATURE_ED25519, bytes((number,)) * 32).verifier for number in range(1, 7)]

# The example of tlog-policy, with keys.
NAMES = ("X1", "X2", "X3", "Y1", "Y2", "Y3")
WITNESSES = [f"witness {name} {key}" for name, key in zip(NAMES, KEYS, strict=True)]
EXAMPLE = "\n".join(
    (
        f"log {LOG}",
        "",
        *WITNESSES[:3],
        "group X-witnesses 2 X1 X2 X3",
        "",
        *WITNESSES[3:],
        "group Y-witnesses any Y1 Y2 Y3",
        "",
        "group X-and-Y all X-witnesses Y-witnesses",
        "quorum X-and-Y",
        "",
    )
)


def test_the_published_example_is_read() -> None:
    policy = parse_policy(EXAMPLE)
    assert policy.log_keys == (LOG,)
    assert policy.witness_keys == tuple(KEYS)
    assert policy.groups == {
        "X-witnesses": Group(2, ("X1", "X2", "X3")),
        "Y-witnesses": Group(1, ("Y1", "Y2", "Y3")),
        "X-and-Y": Group(2, ("X-witnesses", "Y-witnesses")),
    }
    assert policy.quorum == "X-and-Y"


# At least two of the first three, and at least one of the last three.
@pytest.mark.parametrize(
    ("cosigners", "enough"),
    [
        ((), False),
        ((0, 1), False),
        ((3, 4, 5), False),
        ((0, 3, 4, 5), False),
        ((0, 1, 3), True),
        ((0, 2, 5), True),
        ((0, 1, 2, 3, 4, 5), True),
    ],
)
def test_the_quorum_of_the_published_example_is_counted(cosigners: tuple[int, ...], enough: bool) -> None:
    policy = parse_policy(EXAMPLE)
    keys = [KEYS[number] for number in cosigners]
    if enough:
        policy.check_quorum(keys)
        return
    with pytest.raises(TooFewWitnesses, match="2 of X-witnesses, Y-witnesses"):
        policy.check_quorum(keys)


def test_a_key_counts_once_and_only_when_the_policy_knows_it() -> None:
    policy = parse_policy("\n".join((*WITNESSES[:3], "group g 2 X1 X2 X3", "quorum g")))
    for keys in ([KEYS[0]] * 5, [KEYS[0], KEYS[4]], [KEYS[0], VerifierKey("X2", COSIGNATURE_ED25519, KEYS[0].public)]):
        with pytest.raises(TooFewWitnesses, match="only X1 vouched"):
            policy.check_quorum(keys)
    policy.check_quorum(KEYS[1:3])


def test_one_witness_can_be_the_quorum() -> None:
    policy = parse_policy(f"{WITNESSES[0]}\nquorum X1\n")
    policy.check_quorum(KEYS[:1])
    with pytest.raises(TooFewWitnesses, match="asks for X1, and none of its witnesses vouched"):
        policy.check_quorum([])


def test_a_policy_may_ask_for_no_witness() -> None:
    parse_policy("quorum none\n").check_quorum([])
    Policy().check_quorum([])


def test_comments_tabs_addresses_and_a_missing_last_newline_are_fine() -> None:
    text = (
        f"# trust\n  # more\n\t \nlog\t{LOG}  https://log.example/one\n {WITNESSES[0]} https://w.example\t\nquorum X1"
    )
    policy = parse_policy(text)
    assert policy.logs == (Trusted(LOG, "https://log.example/one"),)
    assert policy.witnesses == {"X1": Trusted(KEYS[0], "https://w.example")}


def test_names_are_bytes_whatever_they_mean_in_unicode() -> None:
    text = f"witness K {KEYS[0]}\nwitness \u212a {KEYS[1]}\ngroup g all K \u212a\nquorum g\n"
    assert list(parse_policy(text.encode()).witnesses) == ["K", "\u212a"]
    latin = f"witness \xe9 {KEYS[0]}\nquorum \xe9\n".encode("latin-1")
    parse_policy(latin).check_quorum(KEYS[:1])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no quorum"),
        (f"log {LOG}\n", "no quorum"),
        ("quorum none\nquorum none\n", "Line 2.*set already"),
        ("quorum X1\n", "Line 1.*'X1' is no witness or group on a line before"),
        ("quorum\n", "Line 1.*write `log VKEY`"),
        ("trust me\n", "Line 1.*write `log VKEY`"),
        (f"\nlog {LOG} a b\nquorum none\n", "Line 2.*write `log VKEY`"),
        (f"log {LOG}x\nquorum none\n", "Line 1.*base64"),
        (f"log {str(LOG).replace('one', 'two')}\nquorum none\n", "Line 1.*says its id is"),
        (f"log {LOG}\nlog {LOG}\nquorum none\n", "Line 2.*stands in the policy already"),
        (f"{WITNESSES[0]}\nwitness other {KEYS[0]}\nquorum none\n", "Line 2.*stands in the policy already"),
        (f"witness w {LOG}\nquorum none\n", "Line 1.*signs plain notes"),
        (f"witness none {KEYS[0]}\nquorum none\n", "Line 1.*'none' is taken"),
        (f"{WITNESSES[0]}\nwitness X1 {KEYS[1]}\nquorum none\n", "Line 2.*'X1' is taken"),
        (f"{WITNESSES[0]}\ngroup X1 any X1\nquorum none\n", "Line 2.*'X1' is taken"),
        (f"{WITNESSES[0]}\ngroup g any\nquorum none\n", "Line 2.*write `log VKEY`"),
        (f"{WITNESSES[0]}\ngroup g any X1 none\nquorum none\n", "Line 2.*'none' is no witness"),
        (f"{WITNESSES[0]}\ngroup g any g\nquorum none\n", "Line 2.*'g' is no witness"),
        (f"group g any X1\n{WITNESSES[0]}\nquorum g\n", "Line 1.*'X1' is no witness"),
        (f"{WITNESSES[0]}\ngroup g 0 X1\nquorum g\n", "Line 2.*0 of 1"),
        (f"{WITNESSES[0]}\ngroup g 2 X1\nquorum g\n", "Line 2.*2 of 1"),
        (f"{WITNESSES[0]}\ngroup g 01 X1\nquorum g\n", "Line 2.*decimal"),
        (f"{WITNESSES[0]}\ngroup g -1 X1\nquorum g\n", "Line 2.*decimal"),
        (f"{WITNESSES[0]}\ngroup g any X1 X1\nquorum g\n", "Line 2.*member already"),
        (f"{WITNESSES[0]}\ngroup g any X1\ngroup h any X1\nquorum g\n", "Line 3.*member already"),
        ("quorum none\r\n", "Line 1.*control character"),
        ("quorum none\n#\x7f\n", "Line 2.*control character"),
    ],
)
def test_a_policy_that_cannot_be_used_is_refused_by_its_line(text: str, said: str) -> None:
    with pytest.raises(MalformedPolicy, match=said):
        parse_policy(text)


def test_a_log_is_not_its_own_witness() -> None:
    own = VerifierKey("w.example/own", COSIGNATURE_ED25519, LOG.public)
    with pytest.raises(MalformedPolicy, match="stands in the policy already"):
        parse_policy(f"log {LOG}\nwitness w {own}\nquorum w\n")
