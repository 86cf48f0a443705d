model = dict(
    type="LUSSSegmentor",
    data_preprocessor=dict(type="LUSSDataPreProcessor", mean=[127.0] * 3, std=[128.0] * 3, channels_last=True),
    backbone=dict(
        type="PartlyFrozenTIMMBackbone",
        model_name="tf_efficientnet_lite0",
        frozen_stages=3,
        # A config names the checkpoint of step 1.
        init_cfg=dict(type="Pretrained", prefix="backbone."),
    ),
    # Up to a few hundred iterations are too few to unlearn large random weights: 46.4 mIoU on Flowers15, from the
    # published start 35.9.
    decode_head=dict(type="LinearHead", init_cfg=dict(type="Normal", std=0.01, override=dict(name="conv_seg"))),
    test_cfg=dict(max_resolution=1000, limited_side="height"),
)
