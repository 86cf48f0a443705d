model = dict(
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
)
