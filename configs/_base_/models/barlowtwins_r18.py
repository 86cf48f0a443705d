model = dict(
    type="mmpretrain.BarlowTwins",
    data_preprocessor=dict(
        type="mmpretrain.SelfSupDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    backbone=dict(
        type="ResNet",
        depth=18,
        out_indices=(3,),
        norm_cfg=dict(type="BN"),
        norm_eval=False,
        zero_init_residual=False,
    ),
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
