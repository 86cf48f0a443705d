_base_ = "self-supervised_r18.py"
model = dict(
    type="mmpretrain.SimCLR",
    neck=dict(
        type="mmpretrain.NonLinearNeck",
        in_channels=512,
        hid_channels=512,
        out_channels=128,
        num_layers=2,
        norm_cfg=dict(type="BN1d"),
    ),
    head=dict(type="mmpretrain.ContrastiveHead", loss=dict(type="mmpretrain.CrossEntropyLoss"), temperature=0.1),
)
