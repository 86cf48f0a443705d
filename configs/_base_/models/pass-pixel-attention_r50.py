model = dict(
    type="PixelAttentionSegmentor",
    data_preprocessor=dict(type="LUSSDataPreProcessor", crop_std=[58.14, 57.12, 57.375]),
    backbone=dict(type="ResNet", depth=50, norm_cfg=dict(type="BN"), norm_eval=False, zero_init_residual=False),
    hidden_channels=2048,
    embedding_dim=128,
    num_prototypes=3000,
    queue=dict(length=3840),
)
