import subprocess
import sys

from nbtune.models.scratch import new_tokenizer
from nbtune.testing import tiny_model_folder, tiny_tokenizer, topic_rows

PRINT_IDS = """
from nbtune.testing import tiny_tokenizer, topic_rows
print(tiny_tokenizer()(list(topic_rows(20)["text"]))["input_ids"])
"""


def test_the_same_texts_always_give_the_same_tokens():
    """Also in another process, where hashes differ."""
    here = tiny_tokenizer()(list(topic_rows(20)["text"]))["input_ids"]
    there = subprocess.run(
        [sys.executable, "-c", PRINT_IDS], capture_output=True, text=True, check=True
    ).stdout
    assert there.strip() == str(here)


def test_no_text_has_an_unknown_token():
    tokenizer = new_tokenizer(list(topic_rows(30)["text"]))
    ids = tokenizer("Ωmega 日本 🙂 zyx")["input_ids"]
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.decode(ids, skip_special_tokens=True).strip() == "ωmega 日本 🙂 zyx"


def test_a_saved_tokenizer_reads_back_the_same(tmp_path):
    from transformers import AutoTokenizer

    tokenizer = new_tokenizer(list(topic_rows(30)["text"]))
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    texts = ["a small mammal", "Grüße"]
    assert again(texts)["input_ids"] == tokenizer(texts)["input_ids"]
    assert again.pad_token_id == tokenizer.pad_token_id == 0


def test_a_tiny_folder_loads(tmp_path):
    assert (tiny_model_folder(tmp_path) / "model.safetensors").is_file()
