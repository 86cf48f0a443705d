model = dict(
    type="LUSSSegmentor",
    data_preprocessor=dict(type="LUSSDataPreProcessor", mean=[127.0] * 3, std=[128.0] * 3, channels_last=True),
    backbone=dict(type="PartlyFrozenTIMMBackbone", model_name="tf_efficientnet_lite0", frozen_stages=3),
    decode_head=dict(type="LinearHead"),
    test_cfg=dict(max_resolution=1000, limited_side="height"),
)
