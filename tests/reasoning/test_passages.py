"""Words in documents, and where they stand."""

from freehold.reasoning.passages import exact_place, nearest_place, words

TEXT = "The “quick” brown — fox jumped over 3.5 lazy dogs’ heads today."


def test_words_keep_their_places() -> None:
    assert [TEXT[word.start : word.end] for word in words(TEXT)][:4] == ["The", "quick", "brown", "fox"]
    assert "3.5" in {word.form for word in words(TEXT)}


def test_marks_do_not_matter_and_words_do() -> None:
    place = exact_place(words('quick brown "fox"'), "d", words(TEXT), fold=False)
    assert place is not None
    assert TEXT[place.start : place.end] == "quick” brown — fox"
    assert exact_place(words("quick fox"), "d", words(TEXT), fold=False) is None
    assert exact_place(words("QUICK brown"), "d", words(TEXT), fold=False) is None
    assert exact_place(words("QUICK brown"), "d", words(TEXT), fold=True) is not None


def test_the_nearest_place_tells_the_edit() -> None:
    place = nearest_place(words("The quick brown fox jumped over 4.5 lazy dogs' heads today"), "d", words(TEXT))
    assert place is not None
    assert place.edits == ("'3.5' became '4.5'",)
    assert nearest_place(words("nothing of the kind is here at all"), "d", words(TEXT)) is None
