# UPerNet's head over four stages in place of the deepest one alone.
_base_ = "pass-sharp-finetune_efficientnet-lite0_1xb32-1e_mini-imagenets.py"
model = dict(
    decode_head=dict(
        _delete_=True,
        type="UPerHead",
        in_channels=[24, 40, 112, 320],
        in_index=[1, 2, 3, 4],
        channels=64,
        num_classes=10,
        ignore_index=1000,
        norm_cfg=dict(type="BN"),
        loss_decode=dict(type="CrossEntropyLoss", avg_non_ignore=True),
    ),
)
