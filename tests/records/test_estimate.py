import math

from nbtune.records import Estimate

ESTIMATE = Estimate(
    model="tiny", method="full", device="cpu", precision="fp32", batching="packed",
    parameters=10, trainable_parameters=5, steps=20, steps_per_epoch=10,
    tokens=90, padded_tokens=100, rows=8, cut_rows=1, room_bytes=100, disk_room_bytes=100,
    seconds={"steps": 20.0, "checkpoints": 2.0}, memory_bytes={"weights": 40, "gradients": 50},
    disk_bytes={"model": 95}, measured=((5, 0.5), (9, 0.9)), notes=("so it is",),
)  # fmt: skip


def test_parts_add_up():
    assert ESTIMATE.whole_seconds == 22
    assert ESTIMATE.epoch_seconds == 10
    assert ESTIMATE.peak_bytes == 90
    assert round(ESTIMATE.padding_share, 6) == 0.1


def test_a_tenth_of_what_there_is_stays_free():
    assert ESTIMATE.fits_memory
    assert not ESTIMATE.fits_disk


def test_it_reads_back_as_it_was_written():
    assert Estimate.from_json(ESTIMATE.to_json()) == ESTIMATE


def test_what_is_not_known_stays_so():
    unknown = Estimate(**{**vars(ESTIMATE), "seconds": {"steps": math.nan}})
    assert math.isnan(Estimate.from_json(unknown.to_json()).whole_seconds)
