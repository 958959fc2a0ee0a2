"""Language: which one a reply is written in. One model for all."""

import pytest

pytest.importorskip("py3langid", reason="the extra `trials` is not installed")

from freehold.errors import InvalidGrader
from freehold.graders.language import Language, LanguageOptions
from freehold.items import Given
from graders.samples import item


@pytest.fixture(scope="module")
def grader() -> Language:
    """One for all tests, made when the first of them runs: every worker of pytest collects this file, one needs the model."""
    return Language(LanguageOptions())


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Your parcel left our warehouse this morning and should arrive on Thursday."),
        ("de", "Ihr Paket hat heute Morgen unser Lager verlassen und sollte am Donnerstag ankommen."),
        ("fr", "Votre colis a quitté notre entrepôt ce matin et devrait arriver jeudi prochain."),
        ("es", "Su paquete salió de nuestro almacén esta mañana y debería llegar el jueves."),
        ("it", "Il suo pacco ha lasciato il nostro magazzino questa mattina e dovrebbe arrivare giovedì."),
        ("pl", "Państwa paczka opuściła dziś rano nasz magazyn i powinna dotrzeć w czwartek."),
        ("ru", "Ваша посылка сегодня утром покинула наш склад и должна прибыть в четверг."),
        ("zh", "您的包裹今天早上已离开我们的仓库，预计星期四送达，请您耐心等待，如有问题请联系我们的客服。"),
        ("ar", "غادر طردك مستودعنا هذا الصباح ومن المتوقع أن يصل يوم الخميس القادم."),
    ],
)
def test_a_sentence_is_recognised(grader: Language, language: str, text: str) -> None:
    assert grader.grade(item(language=language), Given(text=text)).score == 1.0
    assert grader.grade(item(language="sw"), Given(text=text)).score == 0.0


def test_code_and_addresses_are_no_language(grader: Language) -> None:
    text = "```python\nfor line in open(path): print(line)\n```\nhttps://example.com/the/path/of/the/file"
    assert grader.grade(item(language="en"), Given(text=text)).score is None


def test_the_question_says_which_language_is_right(grader: Language) -> None:
    one = item(None, "Könnten Sie mir bitte sagen, wann meine Bestellung geliefert wird?")
    assert grader.grade(one, Given(text="Your order should arrive on Thursday, before noon.")).score == 0.0
    assert grader.grade(one, Given(text="Ihre Bestellung wird am Donnerstag vor Mittag geliefert.")).score == 1.0


def test_a_language_that_it_does_not_know_is_refused() -> None:
    with pytest.raises(InvalidGrader):
        Language(LanguageOptions(languages=("klingon",)))
