model = dict(
    type="LUSSSegmentor",
    data_preprocessor=dict(type="LUSSDataPreProcessor"),
    backbone=dict(
        type="mmpretrain.VisionTransformer", arch="deit-small", img_size=224, patch_size=16, out_type="featmap"
    ),
    decode_head=dict(type="LinearHead"),
    test_cfg=dict(max_resolution=1000, limited_side="height"),
)
