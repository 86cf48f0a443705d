# DeepLabV3+'s head on the deepest stage and one of stride 4.
_base_ = "pass-sharp-finetune_efficientnet-lite0_1xb32-1e_mini-imagenets.py"
model = dict(
    backbone=dict(out_indices=(1, 2, 3, 4), frozen_stages=2),
    decode_head=dict(
        _delete_=True,
        type="DepthwiseSeparableASPPHead",
        in_channels=320,
        in_index=3,
        channels=128,
        dilations=(1, 6, 12, 18),
        c1_in_channels=24,
        c1_channels=24,
        num_classes=10,
        ignore_index=1000,
        norm_cfg=dict(type="BN"),
        loss_decode=dict(type="CrossEntropyLoss", avg_non_ignore=True),
    ),
)
