_base_ = "self-supervised_r18.py"
model = dict(
    type="mmpretrain.MoCoV3",
    neck=dict(
        type="mmpretrain.NonLinearNeck",
        in_channels=512,
        hid_channels=4096,
        out_channels=256,
        num_layers=2,
        with_last_bn_affine=False,
        norm_cfg=dict(type="BN1d"),
    ),
    head=dict(
        type="mmpretrain.MoCoV3Head",
        predictor=dict(
            type="mmpretrain.NonLinearNeck",
            in_channels=256,
            hid_channels=4096,
            out_channels=256,
            num_layers=2,
            with_last_bn=False,
            with_avg_pool=False,
            norm_cfg=dict(type="BN1d"),
        ),
        loss=dict(type="mmpretrain.CrossEntropyLoss", loss_weight=2.0),
        temperature=1.0,
    ),
    base_momentum=0.01,
)
