_base_ = "self-supervised_r18.py"
model = dict(
    type="mmpretrain.SwAV",
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
