model = dict(
    type="mmpretrain.SwAV",
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
        type="mmpretrain.SwAVNeck", in_channels=512, hid_channels=512, out_channels=128, norm_cfg=dict(type="BN1d")
    ),
    head=dict(
        type="mmpretrain.SwAVHead",
        loss=dict(
            type="mmpretrain.SwAVLoss",
            feat_dim=128,
            epsilon=0.05,
            temperature=0.1,
            num_crops=[2, 6],
            num_prototypes=500,
        ),
    ),
)
