model = dict(
    type="LUSSSegmentor",
    data_preprocessor=dict(type="LUSSDataPreProcessor"),
    backbone=dict(
        type="ScaledPositionViT",
        arch="deit-small",
        img_size=224,
        patch_size=16,
        # As in the first implementations, pixels beyond the last whole patch are left out.
        patch_cfg=dict(padding=0),
        out_type="featmap",
        drop_path_rate=0.1,
    ),
    decode_head=dict(
        type="LinearHead", label_stride=None, loss_upsampling=2, init_cfg=dict(type="NormalConv", std=2e-5)
    ),
    test_cfg=dict(max_resolution=1000, limited_side="long"),
)
