from nbtune.panels.parameters import parameters_html, parameters_markdown, parameters_text
from nbtune.records import ParameterTable, PartParameters

EVIL = "<script>alert(1)</script>|*"
TABLE = ParameterTable(
    (
        PartParameters("embeddings", "", 0, 900),
        PartParameters("layers 1–6", "lora_A, lora_B", 100, 1_100),
        PartParameters(EVIL, EVIL, 50, 50),
    )
)


def test_each_part_says_what_is_trained_how_much_of_how_many():
    lines = parameters_text("topics@1", TABLE).split("\n")
    assert lines[0] == "what topics@1 trains"
    assert lines[2].split() == ["embeddings", "–", "0", "900", "0", "%"]
    assert lines[3].split()[-4:] == ["100", "1,100", "9.09", "%"]
    assert lines[-1].split() == ["together", "–", "150", "2,050", "7.32", "%"]
    assert all(len(line) <= 80 for line in lines)


def test_names_from_models_cannot_become_markup():
    html = parameters_html(EVIL, TABLE)
    assert "<script>" not in html
    assert html.count("&lt;script&gt;") == 3
    markdown = parameters_markdown(EVIL, TABLE)
    assert "<" not in markdown
    assert all(line.count("|") == 6 for line in markdown.split("\n")[2:])


def test_a_table_is_read_back_as_it_was_written():
    assert ParameterTable.from_json(TABLE.to_json()) == TABLE
