_base_ = "self-supervised_r18.py"
model = dict(
    type="mmpretrain.BarlowTwins",
    neck=dict(
        type="mmpretrain.NonLinearNeck",
        in_channels=512,
        hid_channels=8192,
        out_channels=8192,
        num_layers=3,
        with_last_bn=False,
        with_last_bn_affine=False,
        norm_cfg=dict(type="BN1d"),
        init_cfg=dict(type="Kaiming", distribution="uniform", layer=["Linear"]),
    ),
    head=dict(
        type="mmpretrain.LatentCrossCorrelationHead",
        in_channels=8192,
        loss=dict(type="mmpretrain.CrossCorrelationLoss"),
    ),
)
