data_preprocessor = dict(
    type="SegDataPreProcessor",
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    pad_val=0,
    seg_pad_val=1000,
    size_divisor=1,
)
model = dict(
    type="LUSSSegmentor",
    data_preprocessor=data_preprocessor,
    backbone=dict(type="ResNet", depth=50, norm_cfg=dict(type="BN"), norm_eval=False, zero_init_residual=False),
    decode_head=dict(type="LinearHead", upsampling=2, label_stride=None, loss_upsampling=2),
    test_cfg=dict(max_resolution=1000, limited_side="long"),
)
