"""Image processors, small networks for images, and both towers of CLIP."""

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from nbtune.data.batches import InMemory, make_batch, some
from nbtune.data.encoding import length_report, write_examples
from nbtune.data.pictures import check_picture
from nbtune.errors import ModelError
from nbtune.models.autos import auto_class
from nbtune.models.convolutions import ConvolutionConfig, ConvolutionForImageClassification
from nbtune.models.processors import Processor, new_processor
from nbtune.testing import image_rows, tiny_image_model_folder

PICTURES = list(image_rows(5, side=30)["image"])
VALUES = [check_picture(one)[1] for one in PICTURES]
KINDS = {
    "vit": transformers.ViTImageProcessorPil(size={"height": 16, "width": 16}),
    "clip": transformers.CLIPImageProcessorPil(size={"shortest_edge": 20}, crop_size=16),
}


@pytest.mark.parametrize("kind", KINDS)
def test_images_in_eight_bits_become_what_the_processor_itself_makes(kind):
    own = KINDS[kind]
    expected = torch.from_numpy(np.stack(own(PICTURES, return_tensors="np")["pixel_values"]))
    found = Processor(own).pixels(VALUES).batch(range(len(VALUES)))
    assert torch.allclose(found, expected, atol=1e-5)


def test_images_lie_on_disk_in_eight_bits_and_are_read_as_they_were(tmp_path):
    processor, targets = Processor(KINDS["vit"]), np.arange(5)

    def encode(rows):
        return InMemory([[] for _ in rows], targets[rows], pixels=processor.pixels(
            [VALUES[row] for row in rows]
        ))  # fmt: skip

    examples = write_examples(range(5), encode, 1, tmp_path / "train", at_once=2)
    assert isinstance(examples.pixels.values, np.memmap)
    assert examples.pixels.values.dtype == np.uint8
    assert length_report(examples) == {"height": 16, "width": 16}
    batch, whole = make_batch(examples, [4, 1], 0), encode(range(5))
    assert list(batch.inputs) == ["pixel_values"]
    assert torch.equal(batch.inputs["pixel_values"], whole.pixels.batch([4, 1]))
    assert torch.equal(make_batch(some(examples, [4, 1]), [0, 1], 0).inputs["pixel_values"],
                       batch.inputs["pixel_values"])  # fmt: skip
    assert list(examples.lengths) == [8] * 5


def test_a_processor_whose_images_have_several_sizes_is_refused():
    loose = transformers.CLIPImageProcessorPil(size={"shortest_edge": 20}, do_center_crop=False)
    with pytest.raises(ModelError, match="does not make images of one size"):
        Processor(loose)


@pytest.mark.parametrize(("sides", "expected"), [((8, 8), 16), ((30, 20), 32), ((900, 600), 64)])
def test_a_new_processor_makes_squares_as_large_as_the_images(sides, expected):
    values = [check_picture(Image.new("L", sides))[1]] * 3
    assert new_processor(values).size == {"height": expected, "width": expected}


def test_a_network_of_convolutions_is_saved_and_read_like_any_model(tmp_path):
    model = ConvolutionForImageClassification(ConvolutionConfig(num_labels=3)).eval()
    model.save_pretrained(tmp_path)
    again = transformers.AutoModelForImageClassification.from_pretrained(tmp_path)
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(model(images).logits, again.eval()(images).logits)
    bare = transformers.AutoModel.from_pretrained(tmp_path).eval()
    states = model.encoder(images).last_hidden_state
    assert torch.equal(states, bare(images).last_hidden_state)


def test_both_towers_come_with_the_weights_of_clip_and_their_head_alone_is_new(tmp_path):
    folder = tiny_image_model_folder(tmp_path / "clip", "clip")
    plain = transformers.CLIPModel.from_pretrained(folder)
    model, info = auto_class("AutoModelForImageTextClassification").from_pretrained(
        folder, num_labels=4, output_loading_info=True
    )
    assert sorted(info["missing_keys"]) == ["classifier.bias", "classifier.weight"]
    for name, weight in plain.state_dict().items():
        assert torch.equal(weight, model.clip.state_dict()[name]), name
