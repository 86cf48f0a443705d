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
    backbone=dict(
        type="mmpretrain.VisionTransformer",
        img_size=224,
        patch_size=16,
        # As in the first implementations, pixels beyond the last whole patch are left out.
        patch_cfg=dict(padding=0),
        out_type="featmap",
        drop_path_rate=0.1,
    ),
    decode_head=dict(type="LinearHead", upsampling=2, label_stride=None, loss_upsampling=2),
    test_cfg=dict(max_resolution=1000, limited_side="long"),
)
