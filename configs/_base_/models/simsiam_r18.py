_base_ = "self-supervised_r18.py"
model = dict(
    type="mmpretrain.SimSiam",
    neck=dict(
        type="mmpretrain.NonLinearNeck",
        in_channels=512,
        hid_channels=2048,
        out_channels=2048,
        num_layers=3,
        with_last_bn_affine=False,
        norm_cfg=dict(type="BN1d"),
    ),
    head=dict(
        type="mmpretrain.LatentPredictHead",
        predictor=dict(
            type="mmpretrain.NonLinearNeck",
            in_channels=2048,
            hid_channels=512,
            out_channels=2048,
            with_avg_pool=False,
            with_last_bn=False,
            with_last_bias=True,
            norm_cfg=dict(type="BN1d"),
        ),
        loss=dict(type="mmpretrain.CosineSimilarityLoss"),
    ),
)
