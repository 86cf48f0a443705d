# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from mmluss.apis.training_log import training_records


def test_half_written_lines_are_left_out_and_logs_come_in_their_order(tmp_path):
    for stamp, text in (
        ("20260102_000000", '{"step": 2, "loss": 0.5}\n'),
        ("20260101_000000", '{"step": 1, "loss": 1.0}\n3\n{"step": 2, "lo'),
    ):
        log = tmp_path / stamp / "vis_data" / "scalars.json"
        log.parent.mkdir(parents=True)
        log.write_text(text)
    assert training_records(tmp_path) == [dict(step=1, loss=1.0), dict(step=2, loss=0.5)]
    assert training_records(tmp_path / "nowhere") == []
