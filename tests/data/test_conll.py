import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtune.data.conll import from_conll
from nbtune.data.meant import task_meant
from nbtune.data.reading import read
from nbtune.data.tagged import TAGGED
from nbtune.errors import DataError
from nbtune.recipe import Recipe

HE_SAYS = [
    {"tokens": ["He", "says", "rivers", "rise"], "predicate": 1,
     "tags": ["B-A0", "O", "B-A1", "I-A1"]},
    {"tokens": ["He", "says", "rivers", "rise"], "predicate": 3,
     "tags": ["O", "O", "B-A1", "O"]},
]  # fmt: skip
AT_HEADS = [HE_SAYS[0] | {"tags": ["B-A0", "O", "O", "B-A1"]}, HE_SAYS[1]]


def lines(*rows):
    return "".join("\t".join(row.split()) + "\n" for row in rows) + "\n"


def rows_of(text):
    return from_conll(text, "x.conll").to_dict("records")


def test_roles_in_brackets_are_a_row_for_each_predicate():
    text = (
        "He     -    (A0*) *\n"
        "says   say  (V*)  *\n"
        "rivers -    (A1*  (A1*)\n"
        "rise   rise *)    (V*)\n"
    )
    assert rows_of(text) == HE_SAYS
    assert rows_of(f"{text}\nYes - \n") == HE_SAYS, "a sentence without predicates has no row"


def test_names_and_trees_of_ontonotes_are_no_roles():
    text = (
        "#begin document (bc/x); part 000\n"
        "bc/x 0 0 He     PRP (S(NP*) -    -  - sp (PERSON*) (A0*) *     (1)\n"
        "bc/x 0 1 says   VBZ (VP*    say  01 1 sp *         (V*)  *     -\n"
        "bc/x 0 2 rivers NNS (S(NP*) -    -  - sp *         (A1*  (A1*) -\n"
        "bc/x 0 3 rise   VBP (VP*))) rise 02 1 sp *         *)    (V*)  -\n"
        "\n#end document\n"
    )
    assert rows_of(text) == HE_SAYS


@pytest.mark.parametrize("before", ["_", "_ _ _", "_ _ _ _ _ _"])
def test_roles_at_heads_stand_in_a_column_a_predicate(before):
    text = "# sent_id = 1\n" + lines(
        f"1 He     he   PRON _ _ 2 nsubj {before} _       A0  _",
        "2-3 saysrivers" + " _" * (11 + len(before.split()) - 2),
        f"2 says   say  VERB _ _ 0 root  {before} say.01  V   _",
        f"3 rivers r    NOUN _ _ 4 nsubj {before} _       _   A1",
        "3.1 flow" + " _" * (11 + len(before.split()) - 2),
        f"4 rise   rise VERB _ _ 2 ccomp {before} rise.01 A1  _",
    )
    assert rows_of(text) == AT_HEADS
    nothing = lines(f"1 Yes yes INTJ _ _ 0 root {before} _").rstrip("\n") + "\t\n"
    assert rows_of(text + nothing) == AT_HEADS, "an empty cell at the end is none"


def test_roles_of_universal_propositions_name_their_words_by_number():
    def text(columns, one, other):
        return f"# global.columns = ID FORM UPOS {columns}\n" + lines(
            "1 He PRON _ _ _", f"2 says VERB say.01 {one}", "3 rivers NOUN _ _ _",
            f"4 rise VERB rise.01 {other}",
        )  # fmt: skip

    names = "UP:PRED UP:ARGHEADS UP:ARGSPANS"
    spans = text(names, "A0:1|A1:4 A0:1-1|A1:3-4", "A1:3 A1:3-3")
    assert rows_of(spans) == HE_SAYS
    heads = text("UP:PRED UP:ARGHEADS MISC", "A0:1|A1:4 _", "A1:3 _")
    assert rows_of(heads) == AT_HEADS
    with pytest.raises(DataError, match=r"line 3: 'A1:3-9' names no words of its sentence"):
        rows_of(spans.replace("A1:3-4", "A1:3-9"))
    with pytest.raises(DataError, match="has no words: its columns are ID, UPOS, UP:PRED"):
        rows_of(spans.replace("ID FORM", "ID"))


def test_conll_u_without_roles_is_words_and_parts_of_speech():
    text = lines("1 Rivers river NOUN NNS _ 2 nsubj _ _", "2 rise rise VERB VBP _ 0 root _ _")
    expected = {"tokens": ["Rivers", "rise"], "tags": ["NOUN", "VERB"]}
    assert rows_of(text) == [expected]
    spaced = lines(
        "1 Rivers river NOUN NNS _ 2 nsubj _ SpaceAfter=No", "2 rise rise VERB _ _ 0 r _ _"
    )
    assert rows_of(text * 3 + spaced) == [expected] * 4


def test_a_sentence_whose_roles_do_not_fit_is_named_by_its_line():
    good = lines("1 I i P _ _ 2 s _ _ _ A0", "2 go g V _ _ 0 r _ _ go.01 V") * 3
    extra = lines("1 I i P _ _ 2 s _ _ _ A0 A0", "2 go g V _ _ 0 r _ _ go.01 V _")
    with pytest.raises(
        DataError, match="line 10: columns of roles in its sentence: 2, words with a sense: 1"
    ):
        rows_of(good + extra)
    short = lines("1 I i P _ _ 2 s _ _ _ A0", "2 go g V _ _ 0 r _ _ go.01")
    with pytest.raises(DataError, match="line 11 has 11 cells, the first line of its sentence"):
        rows_of(good + short)
    with pytest.raises(DataError, match=r"has \[WORD\] in place of its words"):
        rows_of("[WORD] - (A0*)\n[WORD] go (V*)\n")


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["", "A0", "AM-TMP", "R-A1"]))))
def test_spans_of_roles_survive_their_brackets(parts):
    tags, cells = ["O"], ["(V*)"]
    for length, role in parts:
        tags += [f"{'I' if i else 'B'}-{role}" if role else "O" for i in range(length)]
        own = ["*"] * length
        if role:
            own[0], own[-1] = f"({role}{own[0]}", f"{own[-1]})"
            own[0] = f"({role}*)" if length == 1 else own[0]
        cells += own
    text = "".join(f"word w {cell}\n" for cell in cells)
    assert rows_of(text) == [{"tokens": ["word"] * len(tags), "predicate": 0, "tags": tags}]


def test_a_file_of_roles_says_by_itself_what_is_learnt(tmp_path):
    file = tmp_path / "train.v4_gold_conll"
    file.write_text("He - (A0*)\nwalks walk (V*)\n\n" * 3, encoding="utf-8")
    frame = read(file)["train"]
    assert task_meant(frame) == "token-classification"
    found = TAGGED.find(frame, {})
    assert found.roles == {"tokens": "tokens", "predicate": "predicate", "tags": "tags"}
    rows, _ = TAGGED.usable(frame, found.roles, Recipe(), "data")
    assert list(rows["predicate"]) == [[1, 2]] * 3
