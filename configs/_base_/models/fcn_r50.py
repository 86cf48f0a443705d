model = dict(
    type="LUSSSegmentor",
    data_preprocessor=dict(type="LUSSDataPreProcessor"),
    backbone=dict(type="ResNet", depth=50, norm_cfg=dict(type="BN"), norm_eval=False, zero_init_residual=False),
    decode_head=dict(type="LinearHead", upsampling=2, label_stride=None, loss_upsampling=2),
    test_cfg=dict(max_resolution=1000, limited_side="long"),
)
