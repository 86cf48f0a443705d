model = dict(
    type="LUSSSegmentor",
    data_preprocessor=dict(type="LUSSDataPreProcessor"),
    backbone=dict(
        type="ResNet",
        depth=50,
        norm_cfg=dict(type="BN"),
        norm_eval=False,
        zero_init_residual=False,
        # A config names the checkpoint of step 1.
        init_cfg=dict(type="Pretrained", prefix="backbone."),
    ),
    decode_head=dict(type="LinearHead"),
    test_cfg=dict(max_resolution=1000, limited_side="height"),
)
